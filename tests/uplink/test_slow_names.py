"""A name that is resolved slowly, or not at all, holds nobody up but the uplink itself."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from fault_matrix import Figure
from uplink_rig import WAIT_S, Rig, eventually

from agent.clock import boot_seconds


@pytest.mark.fault("N1")
def test_while_a_name_is_resolved_messages_are_committed_and_the_watchdog_knows_that_it_may_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(*_words: object, **_options: object) -> list[object]:
        asked.set()
        answer.wait(WAIT_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with Rig(tmp_path, 1883, host="mqtt.example.org") as rig:
        assert asked.wait(WAIT_S)
        began_s = boot_seconds()
        for _ in range(50):
            rig.commit()
        assert not answer.is_set()
        figure(commits_while_it_is_resolved=50, seconds=boot_seconds() - began_s)
        assert rig.publisher.progress_s > boot_seconds()
        answer.set()
        assert eventually(lambda: "name resolution" in rig.publisher.status().reason)
        assert rig.spool.books().held == 50

"""A site's id that changes over a kept spool: nobody's messages become another site's, and none is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from broker import Broker
from site_text import head
from soak_site import books

from agent.bureau.subscriber import Subscriber
from agent.bureau.view import Heard
from agent.control import SOCKET
from agent.control.remote import Remote
from agent.orders.audit import entries
from agent.orders.trail_files import FILE

WITHIN_S = 60.0


@contextmanager
def _agent(folder: Path, site: str, port: int, until: str) -> Iterator[str]:
    """An agent as `site`: its log up to the line that has `until`. It is stopped at the end."""
    settings = folder / "hubpulse.toml"
    spool = folder / "spool"
    settings.write_text(f'{head(site)}port = {port}\nreport_s = 1\n[spool]\ndirectory = "{spool}"\n', "utf-8")
    command = [sys.executable, "-m", "agent", "run", str(settings), "--control", str(folder / SOCKET)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr is not None
        try:
            yield "".join(_upto(agent.stderr, until))
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.communicate(timeout=WITHIN_S)
    assert agent.returncode == 0


def _upto(lines: Iterable[str], word: str) -> Iterator[str]:
    for line in lines:
        yield line
        if word in line:
            return
    raise AssertionError(f"it ended without {word}")


def test_what_waits_under_another_id_is_kept_back_said_aloud_and_sent_once_the_site_has_that_id_again(
    tmp_path: Path,
) -> None:
    spool, heard = tmp_path / "spool", list[Heard]()
    with _agent(tmp_path, "gz-other", 1, "uplink_down") as log:
        assert "spool_of_another_site" not in log
    waiting = books(spool)["held"]
    assert waiting > 0
    with Broker(tmp_path / "broker") as broker, Subscriber("127.0.0.1", broker.port, listener=heard.append) as bureau:
        with _agent(tmp_path, "gz-fourth", broker.port, "uplink_up") as log:
            assert f"spool_of_another_site spool={spool} site=44/4401/gz-other waiting={waiting} " in log
            assert f"spool={spool}/44-4401-gz-fourth" in log
            assert bureau.wait_until(lambda: any(one.tail == "meta" for one in list(heard)), WITHIN_S)
            with Remote(tmp_path / SOCKET) as people:
                assert people.ask("survey")["spool"]["directory"] == f"{spool}/44-4401-gz-fourth"
        assert {one.site for one in heard} == {"44/4401/gz-fourth"}
        assert books(spool)["held"] == waiting
        heard.clear()
        with _agent(tmp_path, "gz-other", broker.port, "uplink_up"):
            assert bureau.wait_until(lambda: len(_of_first_epoch(heard)) == waiting, WITHIN_S)
        assert {(one.site, one.fields["site"]["id"]) for one in heard if one.tail == "meta"} == {  # type: ignore[index]
            ("44/4401/gz-other", "gz-other")
        }
    trail = [entry for _, _, entry in entries(spool / FILE) if entry]
    assert [entry["what"] for entry in trail] == ["start"] * 3  # the machine's, whoever it is


def _of_first_epoch(heard: list[Heard]) -> set[object]:
    """The numbers that came of it."""
    said = [one.fields for one in list(heard) if str(one.fields.get("epoch")).startswith("1-")]
    return {fields["seq"] for fields in said if "seq" in fields}

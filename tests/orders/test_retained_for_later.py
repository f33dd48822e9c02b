"""An order for a site that is away: with --retain it is under way, without it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broker import Broker

from agent.__main__ import main
from agent.cli import command

ORDER = ["command", "send", "mode", "mode=peak", "to=+2h", "by=duty-1", "--site", "44/4401/gz-away", "--lang", "en"]


@pytest.mark.parametrize("retained", [True, False])
def test_an_order_that_the_broker_keeps_is_no_failure_and_one_that_nobody_heard_is(
    retained: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, status, said = (["--retain"], 0, "kept by the broker") if retained else ([], 1, "E2769")
    monkeypatch.setattr(command, "WITHIN_S", 0.1)
    with Broker(tmp_path / "broker") as broker:
        at = ["--port", str(broker.port)]
        assert main([*ORDER, *at, *words]) == status
        told = capsys.readouterr()
        assert said in told.out + told.err
        assert main([*ORDER, *at, *words, "--json"]) == status
        answer = json.loads(capsys.readouterr().out)
        assert (answer.get("outcome") == "retained") == retained

"""A stock-take from the verb to the bureau: a real agent, simulated docks, a real broker, and `kill -9` after it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from broker import Broker
from control_ready import listens_at
from site_text import SITE as PLAIN
from soak_site import process
from uplink_rig import assert_in_order, eventually

from agent.bureau.subscriber import Subscriber
from agent.control import SOCKET
from agent.orders.audit import entries
from agent.orders.trail_files import FILE

DOCKS = """
[bus.docks]
tcp = "192.168.10.30"

[device.dock]
bus = "docks"
unit = 1
point.unloaded = { area = "input", address = 0, type = "u32", kind = "counter" }
point.loaded = { area = "input", address = 2, type = "u32", kind = "counter" }

[floor]
unload = ["dock.unloaded"]
load = ["dock.loaded"]
buffer_parcels = 40000
"""
SITE_ID = "gz-baiyun"
WITHIN_S = 60.0


class Docks:
    """The site, its agent and what the bureau heard."""

    def __init__(self, folder: Path, bureau: Subscriber) -> None:
        self.folder = folder
        self.bureau = bureau

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[str]]:
        """The agent, once its control socket is open and it knows its counters; killed at the end."""
        words = [sys.executable, "-m", "agent", "run", self.folder / "hubpulse.toml", "--control", self.folder / SOCKET]
        with (
            (self.folder / "agent.log").open("ab") as log,
            subprocess.Popen([str(word) for word in words], stderr=log, text=True) as running,
        ):
            try:
                assert self.bureau.wait_until(lambda: "backlog" in self.latest("telemetry"), WITHIN_S)
                assert eventually(lambda: listens_at(self.folder / SOCKET))
                yield running
            finally:
                running.kill()

    def baseline(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", "baseline", *words, "--control", str(self.folder / SOCKET)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def trail(self, order: str) -> list[Mapping[str, object]]:
        """What the audit trail holds of orders of that kind."""
        kept = [entry for _, _, entry in entries(self.folder / "spool" / FILE) if entry is not None]
        return [entry for entry in kept if entry.get("cmd") == order]

    def said(self) -> str:
        """What the agents wrote into their journal."""
        return (self.folder / "agent.log").read_text()

    def latest(self, tail: str) -> dict[str, object]:
        return dict(self.bureau.read(lambda view: view.site(SITE_ID).latest.get(tail, {})))


@pytest.fixture
def docks(tmp_path: Path) -> Iterator[Docks]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        settings = tmp_path / "site.toml"
        settings.write_text(PLAIN.replace("[line.north]", DOCKS + "\n[line.north]", 1))
        words = ["simulate", settings, "--frozen", "--at", tmp_path, "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        yield Docks(tmp_path, stack.enter_context(Subscriber("127.0.0.1", broker.port)))


def test_a_stock_take_reaches_the_bureau_with_who_took_it_and_outlives_the_agent(docks: Docks) -> None:
    with docks.agent():
        before = docks.latest("telemetry")
        assert (before["backlog"], before["backlog_based"]) == (0, False)
        assert "backlog_err" not in before
        done = docks.baseline("18250", "--by", "li", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"parcels": 18250, "before": 0})
        assert docks.bureau.wait_until(lambda: docks.latest("event").get("event") == "baseline", WITHIN_S)
        told = docks.latest("event")
        assert (told["parcels"], told["by"], told["before"]) == (18250, "li", 0)
        assert docks.bureau.wait_until(lambda: docks.latest("state").get("backlog") == 18250, WITHIN_S)
    assert_in_order(docks.folder / "spool")
    (entry,) = docks.trail("baseline")
    assert (entry["what"], entry["source"], entry["by"], entry["parcels"]) == ("accepted", "site", "li", 18250)
    epoch = docks.latest("telemetry")["epoch"]
    with docks.agent():
        is_anew = docks.bureau.wait_until(lambda: docks.latest("telemetry")["epoch"] != epoch, WITHIN_S)
        assert is_anew, docks.said()
        assert docks.bureau.wait_until(lambda: "backlog" in docks.latest("telemetry"), WITHIN_S)
        after = docks.latest("telemetry")
        assert (after["backlog"], after["backlog_based"], after["backlog_err"]) == (18250, True, 0)
        assert docks.latest("event") == told, "a restart is no event"


def test_a_stock_take_that_nobody_takes_or_that_cannot_be_says_why_and_exits_1(docks: Docks) -> None:
    alone = docks.baseline("5", "--lang", "zh")
    assert (alone.returncode, "[E2721]" in alone.stderr) == (1, True)
    with docks.agent():
        too_many = docks.baseline("120001", "--by", "li", "--json")
        assert (too_many.returncode, "buffer_parcels = 40000" in json.loads(too_many.stdout)["reason"]) == (1, True)
        impossible = docks.baseline("-1", "--json")
        assert (impossible.returncode, "'-1' is no whole number" in impossible.stderr) == (2, True)
        assert docks.latest("telemetry")["backlog_based"] is False
    (entry,) = docks.trail("baseline")
    assert (entry["what"], entry["source"], entry["by"], entry["parcels"]) == ("refused", "site", "li", 120001)

"""The twin of a site that listens on one line plays the other master there, and what the agent counts is true."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from broker import Broker
from soak_site import SITE, SITE_ID, counters_of, process

from agent.bureau.subscriber import Subscriber
from agent.twin.control import SOCKET, Remote


def test_an_agent_that_only_listens_to_a_line_counts_what_its_devices_count(tmp_path: Path) -> None:
    text = SITE.read_text()
    settings = tmp_path / "site.toml"
    settings.write_text(text.replace("[bus.panel]\n", '[bus.panel]\nrole = "listen"\n'))
    assert 'role = "listen"' in settings.read_text()
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        words = ["simulate", settings, "--at", tmp_path / "twin", "--frozen", "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        twin = stack.enter_context(Remote(tmp_path / "twin" / SOCKET))
        bureau = Subscriber("127.0.0.1", broker.port)
        bureau.start()
        stack.callback(bureau.stop)
        command = [sys.executable, "-m", "agent", "run", str(tmp_path / "twin" / "hubpulse.toml")]
        agent = stack.enter_context(subprocess.Popen(command))
        stack.callback(agent.terminate)
        assert bureau.wait_until(lambda: set(bureau.totals(SITE_ID).counters) == set(counters_of(twin)), 60)
        totals = bureau.totals(SITE_ID)
        twin.ask("go")
        assert bureau.wait_until(lambda: totals.counted("chute-left.count").total >= 3, 60)
        twin.ask("freeze")
        truth = counters_of(twin)
        assert bureau.wait_until(lambda: all(totals.counted(name).total == n for name, n in truth.items()), 60)

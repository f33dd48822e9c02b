"""The whole agent as a process of its own, asked through its socket by the verbs while it counts."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from control_ready import listens_at
from ptys import Adapter, Serving
from site_text import HEAD
from stations import Station, Stations
from uplink_rig import eventually

from agent.__main__ import main
from agent.control.remote import Remote

BODY = """\
[spool]
directory = "{folder}/spool"
[bus.sorter]
serial = "{port}"
baud = 115200
timeout_s = 0.5
[bus.meters]
tcp = "127.0.0.1:9"
tls = {{ ca_file = "/etc/ssl/ca.pem" }}
[device.plc]
bus = "sorter"
unit = 1
period_s = 0.1
point.inducted = {{ area = "holding", address = 0, type = "u32", kind = "counter" }}
[line.north]
name_en = "North"
name_zh = "北线"
induct = ["plc.inducted"]
capacity_pph = 20000
buffer_parcels = 5000
"""


class Agent:
    """A line with a polled unit 1 and a unit 2 that no settings know, and the agent on it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        adapter = Adapter(folder / "usb")
        stack.callback(adapter.close)
        self.port = str(adapter.link)
        stations = {1: Station({"holding": [0, 700, 0, 0]}), 2: Station({"holding": [0x0001, 0xE240]})}
        stack.callback(Serving(adapter.fd, Stations(stations)).close)
        settings = folder / "hubpulse.toml"
        settings.write_text(HEAD + BODY.format(folder=folder, port=self.port))
        self.control = folder / "control.sock"
        command = [sys.executable, "-m", "agent", "run", str(settings), "--control", str(self.control)]
        self.process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        stack.callback(self.process.terminate)
        assert eventually(lambda: listens_at(self.control)), self.process.communicate()

    def counts(self) -> dict[str, int]:
        with Remote(self.control) as agent:
            bus = next(bus for bus in agent.ask("status")["buses"] if bus["id"] == "sorter")
        counts: dict[str, int] = bus["counts"]
        return counts


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with ExitStack() as stack:
        yield Agent(tmp_path, stack)


def test_the_verbs_ask_through_the_running_agent_and_its_polls_lose_nothing(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert eventually(lambda: agent.counts().get("answered", 0) > 3)
    words = ["--control", str(agent.control), "--lang", "en", "--json"]
    assert main(["read", "sorter", "2", "40001", "--expect", "123456", *words]) == 0
    found = json.loads(capsys.readouterr().out)["found"][0]
    assert (found["address"], found["type"], found["value"]) == (0, "u32", 123456)
    assert main(["probe", agent.port, "--until", "1", *words]) == 0
    probed = json.loads(capsys.readouterr().out)
    assert ([one["unit"] for one in probed["found"]], probed["polled"]) == ([2], [1])
    assert main(["ports", "--control", str(agent.control)]) in (0, 1)
    before = agent.counts()["answered"]
    assert eventually(lambda: agent.counts()["answered"] > before + 3)
    with Remote(agent.control) as remote:
        (plc,) = remote.ask("status")["devices"]
    assert plc["online"] is True
    assert agent.counts().keys() <= {"asked", "answered", "exception", "timeout"}


def test_the_socket_goes_with_the_agent(agent: Agent) -> None:
    assert stat.S_IMODE(agent.control.stat().st_mode) == 0o660
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(timeout=60) == 0
    assert not agent.control.exists()


def test_a_bus_that_only_listens_is_never_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = Adapter(tmp_path / "usb")
    try:
        settings = tmp_path / "hubpulse.toml"
        body = f'[bus.sorter]\nserial = "{adapter.link}"\nrole = "listen"\n'
        device = 'point.a = { area = "holding", address = 0, type = "u16" }\n'
        settings.write_text(f'{HEAD}{body}[device.plc]\nbus = "sorter"\nunit = 1\n{device}')
        words = ["--settings", str(settings), "--control", str(tmp_path / "none"), "--lang", "en"]
        for target in ("sorter", str(adapter.link)):
            assert main(["probe", target, *words]) == 75
            assert "hubpulse tap sorter" in capsys.readouterr().err
    finally:
        adapter.close()

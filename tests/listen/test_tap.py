"""`hubpulse tap` shows a line live: gaps, verdicts and values, for people, machines and Wireshark; it says nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from struct import iter_unpack, unpack
from typing import Any

import pytest
from doors import agent_with, site
from modbus_oracle import framed
from ptys import Adapter, Serving
from shared_line import SharedLine
from site_text import changed
from slaves import RtuUnits, answers, outcomes_until, unit_device
from uplink_rig import eventually

from agent.bus.ear import Heard
from agent.bus.serial_line import SerialOwner
from agent.clock import boot_seconds
from agent.tap.sources import AgentSource
from config.bus_settings import SerialBus
from drivers.modbus import asks

ASK = framed("rtu", 1, bytes((3, 0, 100, 0, 2)))
ANSWER = framed("rtu", 1, bytes((3, 4, 0, 0, 0, 7)))
WRITE = framed("rtu", 2, bytes((6, 0, 1, 0, 5)))
REFUSAL = framed("rtu", 2, bytes((0x86, 2)))


class Tap:
    """The verb as a process of its own, ready to hear."""

    def __init__(self, *words: str | Path, lang: str = "C.UTF-8") -> None:
        command = [sys.executable, "-m", "agent", "tap", *map(str, words)]
        environment = {"PATH": "/usr/bin", "LANG": lang}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert self._process.stderr is not None
        self.opened = self._process.stderr.readline()

    def lines(self, count: int) -> list[str]:
        """The next so many lines."""
        assert self._process.stdout is not None
        return [self._process.stdout.readline() for _ in range(count)]

    def end(self) -> tuple[int, str]:
        """SIGTERM, which ends it as Ctrl-C does: the exit code, and what was said at the end."""
        self._process.send_signal(signal.SIGTERM)
        _, said = self._process.communicate(timeout=60)
        return self._process.returncode, said


@contextmanager
def tapped(*words: str | Path, lang: str = "C.UTF-8") -> Iterator[Tap]:
    tap = Tap(*words, lang=lang)
    try:
        yield tap
    finally:
        tap._process.kill()
        tap._process.communicate()


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path / "port")
    yield made
    made.close()


def objects(lines: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(one) for one in lines]


def test_each_frame_is_a_line_with_direction_verdict_and_values(adapter: Adapter) -> None:
    with tapped(adapter.link) as tap:
        os.write(adapter.fd, ASK + ANSWER + WRITE + REFUSAL)
        asked, answered, wrote, refused = tap.lines(4)
        code, end = tap.end()
    assert "→   1  request     read holding registers 100-101" in asked
    assert "←   1  reply       0 7" in answered
    assert "write register 1 = 00 05" in wrote
    assert "refused     2 ILLEGAL DATA ADDRESS" in refused
    assert code == 0
    assert "frames: request 2, reply 1, refused 1" in end


def test_people_in_china_read_it_in_chinese(adapter: Adapter) -> None:
    with tapped(adapter.link, lang="zh_CN.UTF-8") as tap:
        os.write(adapter.fd, ASK + ANSWER)
        asked, _ = tap.lines(2)
    assert "不发送任何数据" in tap.opened
    assert "请求" in asked
    assert "读保持寄存器 100-101" in asked


def test_machines_get_an_object_a_line_and_wireshark_a_capture(adapter: Adapter, tmp_path: Path) -> None:
    capture = tmp_path / "line.pcap"
    with tapped(adapter.link, "--json", "--pcap", capture) as tap:
        os.write(adapter.fd, ASK + ANSWER)
        asked, answered = objects(tap.lines(2))
        tap.end()
    assert (asked["verdict"], asked["unit"], asked["address"], asked["quantity"]) == ("request", 1, 100, 2)
    assert (answered["verdict"], answered["values"], answered["hex"]) == ("reply", [0, 7], ANSWER.hex())
    assert packets(capture.read_bytes()) == [ASK, ANSWER]


def packets(octets: bytes) -> list[bytes]:
    """The packets of a capture file, as pcap-savefile(5) has it."""
    magic, major, minor, _, _, _, link = unpack("<IHHiIII", octets[:24])
    assert (magic, major, minor, link) == (0xA1B2C3D4, 2, 4, 147)
    found, at = list[bytes](), 24
    while at < len(octets):
        ((seconds, _, kept, length),) = iter_unpack("<IIII", octets[at : at + 16])
        assert kept == length
        assert seconds > 1_700_000_000
        found.append(octets[at + 16 : at + 16 + kept])
        at += 16 + kept
    return found


def test_a_tap_says_nothing_whatever_it_hears() -> None:
    with SharedLine("master", "tap") as line, tapped(line.path["tap"], "--json") as tap:
        master = os.open(line.path["master"], os.O_RDWR | os.O_NOCTTY)
        for noise in (ASK, ANSWER, b"\xff" * 300, WRITE, bytes(range(256)), ASK + ANSWER):
            os.write(master, noise)
        seen = objects(tap.lines(3))
        tap.end()
        os.close(master)
    assert seen[0]["verdict"] == "request"
    assert line.said["tap"] == b""


def test_a_bus_that_the_agent_holds_is_heard_through_the_agent_which_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "adapter")
        stack.callback(adapter.close)
        stack.callback(Serving(adapter.fd, RtuUnits({1})).close)
        bus, plc = SerialBus("line", str(adapter.link), 115200, "none", 1, 0.5), unit_device("plc", "line", 1, 0.05)
        owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        door = stack.enter_context(agent_with(tmp_path, owner, site(bus, plc)))
        for target in ("line", str(adapter.link)):
            with tapped(target, "--json", "--control", door) as tap:
                seen = objects(tap.lines(12))
                assert tap.end()[0] == 0
            told = [one["verdict"] for one in seen]
            assert told.count("reply") >= 5, told  # the first may answer what was asked before
        outcomes_until(owner, lambda seen: len(answers(seen)) >= 2)


def test_a_bus_of_the_settings_that_is_only_listened_to_is_tapped_by_its_name(adapter: Adapter, tmp_path: Path) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text(
        changed("/dev/serial/by-path/port0", str(adapter.link)).replace("baud =", 'role = "listen"\nbaud =')
    )
    for target in ("sorter", str(adapter.link)):
        with tapped(target, "--json", "--settings", settings, "--control", tmp_path / "none") as tap:
            os.write(adapter.fd, ASK)
            assert objects(tap.lines(1))[0]["verdict"] == "request"


def test_a_port_that_another_program_has_is_refused_with_the_reason(adapter: Adapter) -> None:
    with tapped(adapter.link) as first, tapped(adapter.link) as second:
        assert "listening on" in first.opened
        assert "E2603" in second.opened


def test_a_capture_that_cannot_be_written_is_refused(adapter: Adapter, tmp_path: Path) -> None:
    with tapped(adapter.link, "--pcap", tmp_path / "nowhere" / "line.pcap") as tap:
        assert "E2252" in tap.opened


def test_a_line_that_is_pulled_ends_the_tap_and_is_told(adapter: Adapter) -> None:
    with tapped(adapter.link) as tap:
        adapter.unplug()
        assert tap._process.wait(60) == 1
        assert tap._process.stderr is not None
        assert "the line is gone" in tap._process.stderr.read()


def test_who_looks_too_slowly_leaves_the_rest_with_the_agent() -> None:
    pumped = 0

    def line() -> Iterator[Heard | int]:
        nonlocal pumped
        for pumped in range(100_000):
            yield Heard(float(pumped), False, b"x")

    source = AgentSource(line())
    seen = [source.next(boot_seconds() + 60) for _ in range(2000)]
    assert [one.at_s for one in seen if isinstance(one, Heard)] == [float(number) for number in range(2000)]
    assert eventually(lambda: pumped >= 3000)
    assert pumped < 4000

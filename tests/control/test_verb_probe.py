"""`hubpulse probe` on real wires: mixed settings found unaided, another master left alone, models recognised."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doors import agent_with, site
from hypothesis import given, settings
from hypothesis import strategies as st
from ptys import Adapter, Serving
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from site_text import HEAD
from slaves import TcpUnits, answers, mbap, outcomes_until, rtu, unit_device
from stations import Station, Stations, line_of

from agent.__main__ import main
from agent.bus import Missed
from agent.bus.serial_line import SerialOwner
from agent.cli.probe_sheet import Teller
from agent.commission import NoValueError
from agent.commission.found import FoundUnit, toml
from agent.commission.line_settings import LineSetting, in_order
from agent.commission.matching import Match, match
from agent.commission.sweep import FIRST, Pace, Step, Sweep
from agent.intake import Presence
from config import profiles
from config.bus_settings import SerialBus
from drivers import Value
from drivers.identity import NOBODY, Identity
from drivers.modbus import asks
from drivers.modbus_frames import Read


class Site:
    """A port with stations behind it, and a folder without an agent and settings."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.adapter = Adapter(folder / "usb")
        stack.callback(self.adapter.close)
        self.port = str(self.adapter.link)
        self._stack = stack
        self.elsewhere = ["--control", str(folder / "none.sock"), "--settings", str(folder / "none.toml")]

    def serve(self, stations: dict[int, Station]) -> Stations:
        line = Stations(stations, line_of(self.adapter.fd))
        self._stack.callback(Serving(self.adapter.fd, line).close)
        return line

    def probe(self, *words: str) -> int:
        return main(
            ["probe", self.port, "--timeout", "0.02", "--listen", "1s", "--lang", "en", *words, *self.elsewhere]
        )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def plain(baud: int, stop_bits: int) -> Station:
    return Station({"holding": [7] * 10}, baud, stop_bits)


def test_five_slaves_with_mixed_settings_are_found_unaided_and_the_toml_is_in_order(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing = Station({"holding": [7]}, 9600, 2, refuses={3: 2})  # it refuses every read, and is there all the same
    line = here.serve({1: plain(9600, 1), 3: plain(9600, 1), 5: refusing, 11: plain(19200, 2), 16: plain(19200, 1)})
    file = here.folder / "found.toml"
    assert here.probe("--until", "5", "--write", str(file), "--json", "--timeout", "0.1") == 0
    found = {one["unit"]: one for one in told(capsys)["found"]}
    settings = {unit: (one["setting"]["baud"], one["setting"]["stop_bits"]) for unit, one in found.items()}
    assert settings == {1: (9600, 1), 3: (9600, 1), 5: (9600, 2), 11: (19200, 2), 16: (19200, 1)}
    assert found[5]["reason"] == "exception_2"
    assert all(pdu[0] in (1, 2, 3, 4, 17, 43) for _, pdu in line.requests)
    whole = here.folder / "site.toml"
    whole.write_text(HEAD + file.read_text())
    assert main(["check", str(whole), "--lang", "en"]) == 0
    written = file.read_text()
    assert "# Unit 11 speaks 19200 8N2" in written
    first, of_five = written.split("unit = 5\n")
    assert "refuses this address" in of_five.partition("unit = ")[0]
    assert "refuses" not in first


def test_a_port_is_written_by_its_full_path_also_where_it_was_named_otherwise(
    here: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here.serve({1: plain(9600, 1)})
    port = here.port
    (here.folder / "none.toml").write_text(HEAD + f'[bus.panel]\nserial = "{port}"\nbaud = 9600\nstop_bits = 1\n')
    monkeypatch.chdir(here.folder)
    for here.port in (f"./{Path(port).name}", "panel"):
        assert here.probe("--until", "1", "--baud", "9600", "--json") == 0
        assert f'serial = "{port}"' in told(capsys)["toml"]


def test_what_is_to_be_pasted_explains_itself_in_the_language_of_the_technician() -> None:
    found = [
        FoundUnit(1, LineSetting(9600), "answers", Identity(product="DVP"), Match(None, ("delta-dvp", "other"))),
        FoundUnit(2, LineSetting(9600), "exception_2"),
        FoundUnit(3, LineSetting(19200), "answers"),
    ]
    english, chinese = (toml("/dev/ttyUSB0", found, lang).splitlines() for lang in ("en", "zh"))
    assert [row.partition("#")[0] for row in english] == [row.partition("#")[0] for row in chinese]
    explained = [(one, other) for one, other in zip(english, chinese, strict=True) if one != other]
    assert len(explained) == 7, (
        "who it is, what it could be, no such address, another setting, and thrice where counts are"
    )
    assert all(any("一" <= letter <= "鿿" for letter in row) for _, row in explained)


def test_a_slow_device_is_found_by_its_late_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        slow = Site(tmp_path, stack)
        line = Stations({1: plain(9600, 1)}, line_of(slow.adapter.fd))
        late = Serving(slow.adapter.fd, lambda octets: [(1.25, reply) for _, reply in line(octets)])
        stack.callback(late.close)
        assert slow.probe("--until", "1", "--baud", "9600", "--timeout", "1", "--json") == 0
    [found] = told(capsys)["found"]
    assert (found["unit"], found["reason"]) == (1, "late")


def test_with_a_foreign_master_on_the_line_it_refuses_tells_who_speaks_and_sends_not_a_byte(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    line = here.serve({})
    stop = threading.Event()

    def master() -> None:
        while not stop.wait(0.03):
            os.write(here.adapter.fd, rtu(4, 3, 0, 0, 0, 2))
            stop.wait(0.01)
            os.write(here.adapter.fd, rtu(4, 3, 4, 0, 0, 0, 9))
            os.write(here.adapter.fd, rtu(9, 6, 0, 1, 0, 1))

    speaking = threading.Thread(target=master)
    speaking.start()
    try:
        assert here.probe("--baud", "9600") == 75
    finally:
        stop.set()
        speaking.join()
    said = capsys.readouterr().err
    assert "E2607" in said
    assert "4 (FC 3)" in said
    assert "9 (FC 6)" in said
    assert not line.received


def test_somebody_at_a_speed_nobody_guesses_is_left_alone_too(here: Site, capsys: pytest.CaptureFixture[str]) -> None:
    line = here.serve({})
    stop = threading.Event()

    def noise() -> None:
        while not stop.wait(0.1):
            os.write(here.adapter.fd, os.urandom(12))

    speaking = threading.Thread(target=noise)
    speaking.start()
    try:
        assert here.probe("--baud", "115200") == 75
    finally:
        stop.set()
        speaking.join()
    assert "E2607" in capsys.readouterr().err
    assert not line.received


def test_nobody_at_all_brings_advice_and_exit_code_1(here: Site, capsys: pytest.CaptureFixture[str]) -> None:
    here.serve({})
    assert here.probe("--baud", "115200") == 1
    said = capsys.readouterr()
    assert "swap A and B" in said.out
    assert "left" in said.err


def test_ctrl_c_ends_a_probe_with_what_was_found(here: Site) -> None:
    here.serve({2: plain(9600, 1)})
    command = [sys.executable, "-m", "agent", "probe", here.port, "--lang", "en", "--timeout", "0.1", *here.elsewhere]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as probing:
        assert probing.stderr is not None
        for row in probing.stderr:
            if "unit 2" in row:
                break
        probing.send_signal(signal.SIGINT)
        out, _ = probing.communicate(timeout=60)
    assert probing.returncode == 130
    assert "[device.unit-2]" in out


def test_a_file_that_is_there_is_never_overwritten(here: Site, capsys: pytest.CaptureFixture[str]) -> None:
    file = here.folder / "mine.toml"
    file.write_text("mine")
    assert here.probe("--write", str(file)) == 73
    assert file.read_text() == "mine"
    assert "E2611" in capsys.readouterr().err


def test_a_unit_is_named_by_what_it_says_of_itself(here: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said = ReadDeviceInformationResponse(read_code=1, information={0: b"Advantech", 1: b"ADAM-4150", 2: b"B1.01"})
    named = Station({"holding": [0] * 20}, 9600, 1, identity=bytes((0x2B,)) + said.encode())
    here.serve({1: named, 2: plain(9600, 1)})
    assert here.probe("--until", "2", "--json", "--timeout", "1") == 0
    first, second = told(capsys)["found"]
    assert first["identity"]["product"] == "ADAM-4150"
    assert first["profile"] == "advantech-adam-4150"
    assert second["identity"]["product"] == ""


def test_a_gateway_refusal_is_no_device_and_a_device_for_every_number_is_told_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(tmp_path / "none.toml"), "--json"]
    with TcpUnits(range(256)) as units:
        refuse_all_but(units, 1, 4)
        assert main(["probe", f"127.0.0.1:{units.port}", "--timeout", "1", *elsewhere]) == 0
        assert [one["unit"] for one in told(capsys)["found"]] == [1, 4]
        refuse_all_but(units, *range(256))
        assert main(["probe", f"127.0.0.1:{units.port}", "--timeout", "1", *elsewhere]) == 0
        assert [one["unit"] for one in told(capsys)["found"]] == [1]


def test_over_tcp_the_time_left_is_that_of_its_longer_patience_from_the_first_unit_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(tmp_path / "none.toml"), "--lang", "en"]
    with TcpUnits(range(256)) as units:
        refuse_all_but(units, 1)
        assert main(["probe", f"127.0.0.1:{units.port}", "--until", "1", *elsewhere]) == 0
    assert "about 17 s left, 17 to ask" in capsys.readouterr().err


def test_behind_a_connection_that_stands_nobody_is_told_to_swap_wires_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(tmp_path / "none.toml"), "--lang"]
    with TcpUnits(range(256)) as units:
        refuse_all_but(units)
        for lang, advice in (("en", "The connection stands"), ("zh", "连接正常")):
            assert main(["probe", f"127.0.0.1:{units.port}", "--timeout", "1", *elsewhere, lang]) == 1
            assert advice in capsys.readouterr().out


def refuse_all_but(units: TcpUnits, *there: int) -> None:
    """A gateway: exception 11 for whom nobody answers behind it; who is there has one register and knows no more."""

    def reply(request: bytes, _: bytes) -> list[tuple[float, bytes | None]]:
        if request[6] not in there:
            return [(0.0, mbap(request, request[7] | 0x80, 11))]
        known = request[7:12] == bytes((3, 0, 0, 0, 1))
        return [(0.0, mbap(request, 3, 2, 0, 7) if known else mbap(request, request[7] | 0x80, 2))]

    units.behave = dict.fromkeys(range(256), reply)


def test_through_the_running_agent_only_its_own_settings_are_used_and_its_polls_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "usb")
        stack.callback(adapter.close)
        bauds = set[int]()
        setup = line_of(adapter.fd)

        def noting() -> tuple[int, int]:
            bauds.add(setup()[0])
            return setup()

        line = Stations({1: Station({"holding": [0, 5]}), 3: Station({"holding": [7]})}, noting)
        stack.callback(Serving(adapter.fd, line).close)
        bus = SerialBus("sorter", str(adapter.link), 38400, "none", 1, 0.5)
        plc = unit_device("plc", "sorter", 1, 0.1)
        owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        path = stack.enter_context(agent_with(tmp_path, owner, site(bus, plc)))
        assert main(["probe", str(adapter.link), "--control", str(path), "--until", "2", "--json"]) == 0
        said = told(capsys)
        polled = outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
    assert [one["unit"] for one in said["found"]] == [1, 3]
    assert 'bus = "sorter"' in said["toml"]
    assert bauds == {38400}
    assert not [each for each in polled if isinstance(each, Missed)]
    assert {each.batch.values for each in answers(polled)} == {(5,)}


def test_a_bus_whose_units_the_agent_reads_already_is_no_empty_bus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "usb")
        stack.callback(adapter.close)
        stack.callback(Serving(adapter.fd, Stations({1: Station({"holding": [0, 5]})}, line_of(adapter.fd))).close)
        bus = SerialBus("panel", str(adapter.link), 38400, "none", 1, 0.05)
        plc = unit_device("plc", "panel", 1, 0.1)
        owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        seen = {"plc": Presence(True, "answers", 0.0, 0.0)}
        path = stack.enter_context(agent_with(tmp_path, owner, site(bus, plc), seen))
        status = main(["probe", "panel", "--control", str(path), "--lang", "en"])
    out = capsys.readouterr().out
    assert (status, out) == (0, "panel: read by the agent already, and answering: 1; others found: 0\n")


# --- the order, and the models, without a wire ---

settings_ = st.sampled_from(list(in_order()))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(1, 247), settings_, min_size=1, max_size=8))
def test_whatever_speed_parity_and_framing_each_unit_has_all_are_found(where: dict[int, LineSetting]) -> None:
    line = Line(where)
    sweep: Sweep[LineSetting] = Sweep(list(in_order()), FIRST, range(17, 248))
    left = [step.left for step in sweep.run(line.at)]
    assert {unit: step.setting for unit, step in sweep.found.items()} == where
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0


def test_the_time_left_is_that_of_silence_however_quickly_those_answer_who_are_there() -> None:
    pace = Pace(0.15, 100.0)
    assert pace.left_s(Step(None, 1, "answers", 9), 100.01) == pytest.approx(9 * 0.15)
    assert pace.left_s(Step(None, 2, "timeout", 8), 100.51) == pytest.approx(8 * 0.5)
    assert pace.left_s(Step(None, 3, "exception_2", 7), 100.52) == pytest.approx(7 * 0.5)
    assert pace.left_s(Step(None, 4, "timeout", 6), 100.62) == pytest.approx(6 * 0.3)
    assert pace.left_s(Step(None, 5, "timeout", 0), 101.0) == 0.0


def test_a_terminal_shows_in_one_line_what_is_left_in_time_and_questions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for lang, left in (("en", "about 1 min 5 s left, 30 to ask"), ("zh", "约剩 1 分 5 秒，还要问 30 次")):
        teller = Teller(lang, quiet=False)
        teller.step(Step(LineSetting(9600), 4, "timeout", 30), 10, 65.2)
        teller.end()
        shown = capsys.readouterr().err
        assert shown.split("\r")[1].rstrip() == f"9600 8N1  4  25%  {left}  ✓ 0"
        assert shown.endswith("\r")
        assert "\n" not in shown


@dataclass
class Line:
    """Units that hear only who speaks as they do; the rest of the world is silence."""

    where: dict[int, LineSetting]

    @contextmanager
    def at(self, setting: LineSetting) -> Iterator[Callable[[int], str]]:
        yield lambda unit: "answers" if self.where.get(unit) == setting else "timeout"


def test_units_beyond_16_are_asked_first_where_somebody_was_found() -> None:
    even = LineSetting(19200, "even")
    sweep: Sweep[LineSetting] = Sweep(list(in_order()), FIRST, range(17, 30))
    steps = list(sweep.run(Line({2: even, 20: even}).at))
    beyond = next(step for step in steps if step.unit > 16)
    assert beyond.setting == even


def test_the_order_begins_with_9600_8n1() -> None:
    order = list(map(str, in_order()))
    assert order[:5] == ["9600 8N1", "9600 8E1", "9600 8N2", "9600 8O1", "19200 8N1"]
    assert order[-1] == "9600 7N2 ASCII"


@pytest.mark.parametrize("said", ["Eastron SDM630 Modbus V2", "EASTRON sdm-630"])
def test_a_model_is_known_by_its_name_whatever_the_dashes(said: str) -> None:
    def refused(read: Read) -> list[Value]:
        raise NoValueError("exception_2")

    assert match(refused, 1, Identity(product=said), "rtu").profile == "eastron-sdm630"
    assert match(refused, 1, NOBODY, "rtu").profile is None


def test_a_model_is_known_by_its_registers_where_they_alone_are_there() -> None:
    profile = profiles.load("danfoss-fc302")
    there = {(point.area, at) for point in profile.points.values() for at in (point.address, point.address + 1)}

    def reader(read: Read) -> list[Value]:
        if all((read.area, at) in there for at in range(read.address, read.address + read.quantity)):
            return [0] * read.quantity
        raise NoValueError("exception_2")

    found = match(reader, 1, NOBODY, "rtu")
    assert profile.name in (found.profile, *found.others)


def test_a_device_that_lets_everything_be_read_is_no_model() -> None:
    assert match(lambda read: [0] * read.quantity, 1, NOBODY, "rtu").others == ()


@pytest.mark.parametrize("speeds", ["0", "9600,0", "9601", "-5", "", "9600;19200"])
def test_speeds_that_no_line_has_are_refused(here: Site, speeds: str) -> None:
    with pytest.raises(SystemExit) as refused:
        here.probe(f"--baud={speeds}")
    assert refused.value.code == 2

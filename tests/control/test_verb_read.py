"""`hubpulse read` on real wires: every meaning, hidden encodings, refusals got round, what counts."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from doors import agent_with, site
from ports import free_port
from ptys import Adapter, Serving
from site_text import SITE
from slaves import answers, outcomes_until, unit_device
from stations import Station, Stations

from agent.__main__ import main
from agent.bus import Missed
from agent.bus.link import LinkError
from agent.bus.serial_line import SerialOwner
from agent.commission.direct import DirectTcp
from agent.commission.reference import place, written
from agent.commission.wires import MODBUS_PORT, complaint_of, silence_of
from config import profiles
from config.bus_settings import BusTls, Framing, SerialBus, TcpBus
from config.uplink_settings import Tls
from drivers.modbus import asks


class Panel:
    """A line with a unit 1 of known registers, behind a port that nobody holds."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        adapter = Adapter(folder / "usb")
        stack.callback(adapter.close)
        self.port = str(adapter.link)
        self.registers = [40_000 + 257 * at for at in range(40)]
        self.station = Station({"holding": self.registers})
        self.line = Stations({1: self.station})
        stack.callback(Serving(adapter.fd, self.line).close)
        self._elsewhere = ["--control", str(folder / "none.sock"), "--settings", str(folder / "none.toml")]

    def read(self, *words: str, unit: str = "1", lang: str = "en") -> int:
        return main(["read", self.port, unit, "--timeout", "1", *words, "--lang", lang, *self._elsewhere])


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[Panel]:
    with ExitStack() as stack:
        yield Panel(tmp_path, stack)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def words_of(layout: str, value: float, order: str) -> list[int]:
    """The registers of a value, made with struct alone: big-endian, then words turned round, then bytes swapped."""
    octets = struct.pack(">" + layout, value)
    words = list(struct.unpack(f">{len(octets) // 2}H", octets))
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word >> 8 | (word & 0xFF) << 8 for word in words]
    return words


def bcd(value: int, digits: int) -> list[int]:
    text = f"{value:0{digits}d}"
    return [int(text[at : at + 4], 16) for at in range(0, digits, 4)]


Hidden = tuple[str, list[int], str, str, float, int]
HIDDEN: list[Hidden] = [
    ("54321", words_of("H", 54321, "ABCD"), "u16", "ABCD", 1.0, 0),
    ("-1234", words_of("h", -1234, "ABCD"), "i16", "ABCD", 1.0, 0),
    ("41234", words_of("H", 41234, "BADC"), "u16", "BADC", 1.0, 1),
    ("7391", bcd(7391, 4), "bcd16", "ABCD", 1.0, -1),
    ("1234567", words_of("I", 1234567, "ABCD"), "u32", "ABCD", 1.0, 0),
    ("7654321", words_of("I", 7654321, "CDAB"), "u32", "CDAB", 1.0, -1),
    ("-987654", words_of("i", -987654, "DCBA"), "i32", "DCBA", 1.0, 3),
    ("93751846", bcd(93751846, 8), "bcd32", "ABCD", 1.0, 0),
    ("1234.5", words_of("f", 1234.5, "CDAB"), "f32", "CDAB", 1.0, -8),
    ("0.8765", words_of("f", 0.8765, "BADC"), "f32", "BADC", 1.0, 8),
    ("31415926535.9", words_of("d", 31415926535.9, "ABCD"), "f64", "ABCD", 1.0, 2),
    ("123456789012345", words_of("Q", 123456789012345, "CDAB"), "u64", "CDAB", 1.0, 0),
    ("98765.43", words_of("I", 9876543, "ABCD"), "u32", "ABCD", 0.01, 0),
    ("-21.7", words_of("h", -217, "ABCD"), "i16", "ABCD", 0.1, 0),
]


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda each: f"{each[0]} as {each[2]} {each[3]}")
def test_a_number_on_the_panel_is_found_with_address_type_order_and_scale(
    panel: Panel, capsys: pytest.CaptureFixture[str], hidden: Hidden
) -> None:
    number, registers, type_, order, scale, off = hidden
    panel.registers[20 + off : 20 + off + len(registers)] = registers
    assert panel.read("holding:20", "--expect", number, "--json") == 0
    best = told(capsys)["found"][0]
    assert (best["type"], best["word_order"], best["scale"], best["address"]) == (type_, order, scale, 20 + off)


def test_the_number_found_is_said_as_a_point_that_the_settings_take(
    panel: Panel, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    panel.registers[7:9] = words_of("I", 7654321, "CDAB")
    assert panel.read("40009", "--expect", "7654321") == 0
    lines = capsys.readouterr().out.splitlines()
    point = next(line for line in lines if line.startswith("point."))
    keys = 'area = "holding", address = 7, type = "u32", word_order = "CDAB", kind = "counter"'
    assert point == f"point.found = {{ {keys} }}   # 40008"
    file = tmp_path / "pasted.toml"
    file.write_text(SITE.replace("point.rejected = {", f"{point}\npoint.rejected = {{"))
    assert main(["check", str(file), "--lang", "en"]) == 0


@pytest.mark.parametrize(("page", "lang"), [("first-site.md", "en"), ("first-site.zh-CN.md", "zh")])
def test_what_the_manual_shows_of_a_search_is_what_is_printed(
    panel: Panel, capsys: pytest.CaptureFixture[str], page: str, lang: str
) -> None:
    panel.registers[:] = [4711] * 99 + words_of("I", 7654321, "CDAB") + [4711] * 20
    assert panel.read("40101", "--expect", "7654321", lang=lang) == 0
    shown = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    typed = "$ hubpulse read sorter 1 40101 --expect 7654321" + (" --lang zh" if lang == "zh" else "")
    assert f"```\n{typed}\n{capsys.readouterr().out}```" in shown


def test_a_number_in_the_sister_area_is_found(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.station.images = {"input": [0] * 10 + words_of("f", 1234.5, "ABCD") + [0] * 30}  # type: ignore[assignment]
    assert panel.read("holding:12", "--expect", "1234.5", "--json") == 0
    best = told(capsys)["found"][0]
    assert (best["area"], best["address"], best["type"]) == ("input", 10, "f32")


def test_a_number_that_is_not_there_is_said_to_be_missing(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    assert panel.read("holding:20", "--expect", "4711") == 1
    assert "E2615" in capsys.readouterr().err


def test_a_moving_counter_is_found_when_a_difference_is_allowed(
    panel: Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    panel.registers[20:22] = words_of("I", 1234570, "ABCD")
    assert panel.read("holding:20", "--expect", "1234567", "--json") == 1
    capsys.readouterr()
    assert panel.read("holding:20", "--expect", "1234567", "--within", "5", "--json") == 0
    assert told(capsys)["found"][0]["value"] == 1234570


def test_every_meaning_stands_side_by_side(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.registers[20:24] = [0x0012, 0xD687, 0x4129, 0x0000]
    assert panel.read("40021") == 0
    said = capsys.readouterr().out
    assert "unit 1, holding 20 (40021) × 4" in said
    assert "0012 D687 4129 0000" in said
    meanings = {
        line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith("  u") or "f32" in line
    }
    assert meanings["u16"] == ["18", "4608"]
    assert meanings["u32"] == [str(0x0012D687), str(0xD6870012), str(0x120087D6), str(0x87D61200)]
    assert len(meanings["u64"]) == 4


def test_json_tells_the_registers_and_every_meaning(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.registers[0:4] = words_of("d", 2.5, "CDAB")
    assert panel.read("40001", "--json") == 0
    said = told(capsys)
    assert said["registers"] == ["0000", "0000", "0000", "4004"]
    assert {"type": "f64", "word_order": "CDAB", "value": 2.5} in said["decodings"]
    assert {"type": "bcd16", "word_order": "ABCD", "value": 0} in said["decodings"]


def test_a_refused_address_is_tried_one_lower_and_that_is_said(
    panel: Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    panel.station.images = {"holding": [1, 2, 3, 4, 5]}  # type: ignore[assignment]
    assert panel.read("holding:5", "--json") == 0
    said = told(capsys)
    assert (said["address"], said["registers"]) == (4, ["0005"])
    assert {one["reason"] for one in said["refused"]} == {"exception_2"}
    assert panel.read("holding:5") == 0
    assert "holding:4 (40005) answers: the manual counts otherwise by -1" in capsys.readouterr().out


def test_a_refused_area_is_tried_in_its_sister(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.station.images = {"input": list(range(30))}  # type: ignore[assignment]
    assert panel.read("holding:5") == 0
    assert "it answers in the input area, not in holding" in capsys.readouterr().out
    assert len(panel.line.requests) == 2


def test_a_device_that_refuses_everything_near_is_said_to(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    assert panel.read("holding:60") == 1
    said = capsys.readouterr().err
    assert "E2613" in said
    assert "exception 2" in said


def test_bits_are_shown_as_bits(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.station.images = {"coil": [0, 1] * 20}  # type: ignore[assignment]
    assert panel.read("00003", "--count", "5", "--json") == 0
    assert told(capsys)["bits"] == [False, True, False, True, False]
    assert panel.read("coil:2") == 0
    assert "0 1 0 1 0 1 0 1" in capsys.readouterr().out


def test_watching_tells_what_counts_by_small_steps(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    count = 65530

    def counted(first: int) -> None:
        panel.registers[20:24] = [*words_of("I", first, "CDAB"), 0x4129, 0]

    counted(count)
    answer = panel.line.stations[1].answer

    def moving(pdu: bytes) -> bytes | None:
        nonlocal count
        count += 3
        counted(count)
        return answer(pdu)

    panel.station.answer = moving  # type: ignore[method-assign]
    assert panel.read("holding:20", "--watch", "--every", "0.02", "--for", "2", "--json") == 0
    counts = {(one["type"], one["word_order"]) for one in told(capsys)["counts"]}
    assert {("u32", "CDAB"), ("i32", "CDAB")} <= counts  # the low word alone fell from 65535 to 0
    assert not counts & {("u16", "ABCD"), ("u32", "ABCD"), ("f32", "CDAB"), ("u64", "DCBA")}


def test_what_stands_still_counts_as_nothing(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    assert panel.read("holding:20", "--watch", "--every", "0.02", "--for", "0.1") == 0
    assert "nothing rose by small steps" in capsys.readouterr().out


def test_a_silent_unit_is_said_with_what_to_do(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    panel.line.stations.clear()
    assert panel.read("40001") == 1
    said = capsys.readouterr().err
    assert "E2612" in said
    assert "hubpulse probe" in said


@pytest.mark.parametrize(
    "words", [["40000"], ["50001"], ["holding:70000"], ["lamp:1"], ["D100"], ["40001", "--count", "0x"]]
)
def test_a_place_that_is_none_is_refused_before_anything_is_sent(panel: Panel, words: list[str]) -> None:
    try:
        status = panel.read(*words)
    except SystemExit as refused:
        status = int(refused.code or 0)
    assert status == 2
    assert not panel.line.received


def test_places_are_understood_in_every_notation() -> None:
    notation = profiles.load("inovance-h3u").notation
    assert place("D100", notation) == ("holding", 100)
    assert place("x17", notation) == ("coil", 0xF80F)
    assert place("40101") == ("holding", 100)
    assert place("300011") == ("input", 10)
    assert place("input:0x48") == ("input", 72)
    assert written("input", 72) == "30073"
    assert written("holding", 65535) == "465536"


def test_a_read_through_the_running_agent_leaves_its_counts_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "usb")
        stack.callback(adapter.close)
        line = Stations(
            {1: Station({"holding": words_of("I", 77, "ABCD")}), 2: Station({"holding": [0, 0, 0x04D2, 7]})}
        )
        stack.callback(Serving(adapter.fd, line).close)
        bus = SerialBus("sorter", str(adapter.link), 115200, "none", 1, 0.5)
        plc = unit_device("plc", "sorter", 1, 0.05)
        owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        path = stack.enter_context(agent_with(tmp_path, owner, site(bus, plc)))
        outcomes_until(owner, lambda seen: len(answers(seen)) > 3)
        for target in ("sorter", str(adapter.link)):  # the port's own name leads through the agent too
            assert main(["read", target, "2", "40003", "--control", str(path), "--json"]) == 0
            assert told(capsys)["registers"] == ["04D2", "0007"]
        polled = outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
    assert not [each for each in polled if isinstance(each, Missed)]
    assert {each.batch.values for each in answers(polled)} == {(77,)}


def test_what_keeps_a_value_from_the_running_agent_is_said_as_it_was_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "usb")
        stack.callback(adapter.close)
        stack.callback(Serving(adapter.fd, lambda octets: [(0.0, octets)]).close)
        bus = SerialBus("sorter", str(adapter.link), 115200, "none", 1, 0.2)
        plc = unit_device("plc", "sorter", 1, 0.05)
        path = stack.enter_context(agent_with(tmp_path, SerialOwner(bus, [(plc, asks(plc, "rtu"))]), site(bus, plc)))
        assert main(["read", "sorter", "2", "40003", "--control", str(path), "--lang", "en"]) == 1
    assert "nothing but our own request is heard back" in capsys.readouterr().err


def test_a_port_that_another_program_holds_is_refused_and_the_program_named(
    panel: Panel, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True); print('up', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script, panel.port], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        assert panel.read("40001") == 75
        other.communicate("\n")
    said = capsys.readouterr().err
    assert "E2603" in said
    assert f"pid {other.pid}" in said


@pytest.mark.parametrize("unit", ["0", "248", "300"])
@pytest.mark.parametrize("words", [["40001"], ["40001", "--expect", "5"]])
def test_a_unit_that_no_line_has_is_refused_before_anything_is_sent(
    panel: Panel, capsys: pytest.CaptureFixture[str], unit: str, words: list[str]
) -> None:
    assert panel.read(*words, unit=unit) == 2
    assert f"E2620 there is no unit {unit}" in capsys.readouterr().err
    assert not panel.line.received


@pytest.mark.parametrize(
    "words",
    [
        *(["--baud", baud] for baud in ("0", "-5", "9601", "99999999999")),
        *(["--timeout", time] for time in ("nan", "inf", "-1", "0")),
        *(["--count", count] for count in ("0", "-1", "٣", "9" * 5000)),
        *(["--expect", number] for number in ("nan", "1e999", "1e99999999999999999999", "five")),
    ],
)
def test_numbers_that_mean_nothing_are_refused_before_anything_is_sent(panel: Panel, words: list[str]) -> None:
    try:
        status = panel.read("40001", *words)
    except SystemExit as refused:
        status = int(refused.code or 0)
    assert status == 2
    assert not panel.line.received


def test_a_connection_whose_tls_cannot_be_had_is_let_go(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as device:
        tls = BusTls(Tls(tmp_path / "no-ca.pem", None, None), "127.0.0.1")
        with pytest.raises(LinkError, match="no-ca"):
            DirectTcp(TcpBus("bus", "127.0.0.1", device.getsockname()[1], 1.0, tls=tls))
        with device.accept()[0] as connection:
            connection.settimeout(60)
            assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1", "40001", "--count", "0"], "'0' is no whole number from 1 to 2000"),
        (["1", "40001", "--timeout", "-3"], "'-3' is no time"),
    ],
)
def test_a_number_that_cannot_be_is_named_before_a_wire_is_touched(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["read", "/nowhere/tty", *words])
    assert ended.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["banana"], "E2610"),
        (["40001", "--count", "126"], "E2623"),
        (["coil:0", "--expect", "5"], "E2621"),
        (["holding:20", "--expect", "12", "--within", "2000"], "E2632"),
    ],
)
def test_what_cannot_be_read_has_a_code_of_its_own(
    words: list[str], code: str, panel: Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert panel.read(*words) == 2
    assert code in capsys.readouterr().err


def test_a_refusal_is_said_once_with_its_reason(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    assert panel.read("holding:500") == 1
    assert capsys.readouterr().err.count("no such address") == 1


def test_a_complaint_is_one_json_object_for_a_machine(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    assert panel.read("banana", "--json") == 2
    said = capsys.readouterr()
    complaint = json.loads(said.out)
    assert complaint["error"] == "E2610" and complaint["action"] and said.err == ""


def test_a_file_is_not_called_a_port_that_was_pulled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a port")
    nowhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(tmp_path / "none.toml")]
    assert main(["read", str(file), "1", "40001", "--lang", "en", *nowhere]) == 2
    assert "E2622" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["read", "1", "40001"], ["probe"]], ids=("read", "probe"))
def test_a_refused_connection_is_a_wrong_port_and_no_matter_of_cables(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    elsewhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(tmp_path / "none.toml"), "--lang", "en"]
    assert main([verb[0], f"127.0.0.1:{port}", *verb[1:], *elsewhere]) == 1
    said = capsys.readouterr().err
    assert "E2624" in said and "port 502 on most devices" in said and "look the port up" in said and "cable" not in said


def test_a_name_without_an_address_is_a_mistyped_name_and_no_matter_of_cables() -> None:
    bus = TcpBus("far", "plc.invalid", MODBUS_PORT, 1.0)
    assert complaint_of(bus, LinkError("name or service not known")).code == "E2631"
    assert complaint_of(bus, LinkError("no route to host")).code == "E2606"


@pytest.mark.parametrize(
    ("framing", "reason", "code"),
    [
        ("tcp", "link_down", "E2606"),
        ("tcp", "timeout", "E2625"),
        ("rtu", "link_down", "E2606"),
        ("rtu", "late", "E2612"),
    ],
)
def test_a_unit_that_is_away_on_a_network_gets_no_advice_for_a_serial_line(
    framing: Framing, reason: str, code: str
) -> None:
    wire = TcpBus(id="eyes", host="192.168.10.21", port=502, timeout_s=1.0, framing=framing)
    assert silence_of(wire, "eyes", 1, reason, "no answer").code == code


@pytest.mark.parametrize(("reason", "code"), [("link_down", "E2605"), ("timeout", "E2612")])
def test_a_serial_line_that_is_down_is_told_from_one_that_is_silent(reason: str, code: str) -> None:
    bus = SerialBus(id="line", port="/dev/ttyUSB0", baud=9600, parity="none", stop_bits=1, timeout_s=0.2)
    assert silence_of(bus, "line", 1, reason, "no answer").code == code


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("plc-a", "E2629", "unit 1 on bus sorter"),
        ("sorted", "E2601", "Buses here: sorter"),
        ("/nowhere/tty", "E2630", "/nowhere/tty"),
    ],
)
def test_a_name_that_is_no_wire_is_told_where_its_device_is_or_which_wires_there_are(
    target: str, code: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "site.toml"
    settings.write_text(SITE, "utf-8")
    elsewhere = ["--control", str(tmp_path / "none.sock"), "--settings", str(settings), "--lang", "en"]
    assert main(["read", target, "1", "40001", *elsewhere]) in {2, 66}
    told = capsys.readouterr().err
    assert code in told and said in told

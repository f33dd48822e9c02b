"""Scanners in the operator's files: what arrives as settings, and what is refused where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_text import SITE

import config
from config.device_settings import CounterRef
from config.scanner_settings import ScanMarks, Scanner, ScannerDial, ScannerListen, ScannerSerial
from config.settings import Settings

DIAL = '[scanner.tunnel-1]\nline = "north"\ntcp = "192.168.10.40:2001"\n'
LISTEN = '[scanner.tunnel-2]\nline = "north"\nlisten = "0.0.0.0:5001"\n'
SERIAL = '[scanner.gun]\nline = "north"\nserial = "/dev/serial/by-path/port9"\n'


def settings_of(text: str) -> Settings:
    report = config.check_text("site.toml", (SITE + text).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings


def test_a_site_without_scanners_has_none() -> None:
    assert settings_of("").scanners == ()


def test_a_scanner_has_the_defaults_of_a_plain_one() -> None:
    assert settings_of(DIAL).scanners == (
        Scanner(
            "tunnel-1", "north", ScannerDial("192.168.10.40", 2001), "plain", ScanMarks(), 0, None, None,
            None, 3.0, None, None, 262_144,
        ),
    )  # fmt: skip


def test_every_way_to_reach_a_scanner_and_every_override_arrives() -> None:
    overrides = """\
preset = "sick"
terminator = "\\u0003\\r\\n"
start = ""
separator = ","
joiner = ";"
fields = ["code", "skip", "chute"]
no_read = ["NoRead", "?"]
heartbeat = []
multi = ["MULTI"]
aim = true
lanes = 4
chutes = 99
loop_s = [60, 100.5]
silent_no_read = "eye-1.rejected"
max_bytes_per_s = 5000
"""
    serial = 'baud = 19200\nparity = "even"\nstop_bits = 2\n' + "loop_s = [60.0, 100.5]\n"
    dial, listen, line = settings_of(DIAL + overrides + LISTEN + "loop_s = [60, 100.5]\n" + SERIAL + serial).scanners
    assert dial.marks == ScanMarks(
        b"\x03\r\n", b"", b",", b";", ("code", "skip", "chute"), ("NoRead", "?"), (), ("MULTI",), True
    )
    assert (dial.lanes, dial.chutes, dial.loop_s, dial.max_bytes_per_s) == (4, 99, (60.0, 100.5), 5000)
    assert dial.silent_no_read == CounterRef("eye-1", "rejected")
    assert listen.wire == ScannerListen("0.0.0.0", 5001)
    assert line.wire == ScannerSerial("/dev/serial/by-path/port9", 19200, "even", 2)


REFUSED = [
    (DIAL.replace("north", "nort"), "E2330", '"nort"'),
    (DIAL.replace(":2001", ""), "E2229", '"192.168.10.40"'),
    (DIAL + 'listen = "0.0.0.0:5001"\n', "E2215", '"0.0.0.0:5001"'),
    (DIAL + "baud = 9600\n", "E2216", "baud"),
    (DIAL + 'preset = "hikrobt"\n', "E2205", '"hikrobt"'),
    (DIAL + 'terminator = ""\n', "E2223", '""'),
    (LISTEN.replace("0.0.0.0", "hub-agent"), "E2339", '"hub-agent:5001"'),
    (DIAL + 'separator = ",,"\n', "E2223", '",,"'),
    (DIAL + 'start = "A"\n', "E2331", '"A"'),
    (DIAL + 'fields = ["lane"]\n', "E2332", '["lane"]'),
    (DIAL + 'fields = ["code", "shute"]\n', "E2205", '"shute"'),
    (DIAL + "duplicate_s = 70\nloop_s = [60, 100]\n", "E2333", "[60, 100]"),
    (DIAL + LISTEN + "duplicate_s = 5\n", "E2334", "5"),
    (DIAL + 'carrier = "sf"\n' + LISTEN, "E2334", '"sf"'),
    (DIAL + 'no_read = ["无读"]\n', "E2335", '"无读"'),
    (DIAL + f"no_read = {['x'] * 9}\n", "E2336", str(["x"] * 9)),
    (DIAL + "loop_s = [100, 60]\n", "E2337", "[100, 60]"),
    (DIAL + "loop_s = 60\n", "E2203", "60"),
    (DIAL + DIAL.replace("tunnel-1", "twin"), "E2338", '"192.168.10.40:2001"'),
    (LISTEN + LISTEN.replace("tunnel-2", "b").replace("0.0.0.0", "127.0.0.1"), "E2338", '"127.0.0.1:5001"'),
    (SERIAL.replace("port9", "port0"), "E2338", '"/dev/serial/by-path/port0"'),
    (DIAL + 'silent_no_read = "plc-a.speed"\n', "E2307", '"plc-a.speed"'),
    (DIAL + 'silent_no_read = "plc-a.spead"\n', "E2304", '"plc-a.spead"'),
    (DIAL + "max_bytes_per_s = 10\n", "E2210", "10"),
    (DIAL + "lanes = 99\nchutes = 2001\n", "E2210", "2001"),
    (
        DIAL + 'separator = ","\nfields = ["lane", "code"]\nsilent_no_read = "eye-1.rejected"\n',
        "E2340",
        '"eye-1.rejected"',
    ),
    ('[scanner.x]\nline = "north"\n', "E2221", "scanner.x"),
]


@pytest.mark.parametrize(("text", "code", "under"), REFUSED)
def test_what_cannot_be_a_scanner_is_one_fault_where_it_stands(text: str, code: str, under: str) -> None:
    report = config.check_text("site.toml", (SITE + text).encode())
    assert [fault.code for fault in report.faults] == [code]
    fault = report.faults[0]
    assert fault.source[fault.column - 1 : fault.end_column - 1] == under
    assert fault.render("zh") != fault.render("en")


def test_the_example_of_a_scanner_can_be_used_as_it_stands() -> None:
    example = (Path(config.__file__).parent / "example.toml").read_text("utf-8")
    block = example[example.index("# [scanner.tunnel-1]") :].replace("\n# ", "\n").removeprefix("# ")
    used = "".join(
        line for line in block.splitlines(keepends=True) if not line.startswith(("listen", "serial", "silent"))
    )
    report = config.check_text("example.toml", (example + used).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    assert report.settings.scanners[0].carrier == "sf"

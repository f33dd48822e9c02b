"""A technician's own tool, mbpoll (libmodbus), reads the twin: it is a Modbus device also to strangers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from twins import Played, playing, site

WIRES = """\
[bus.gate]
tcp = "10.0.0.9:1502"
[bus.line]
serial = "/dev/serial/by-path/x"
baud = 115200
parity = "none"
[device.behind-gate]
bus = "gate"
unit = 7
point.count = { area = "holding", address = 40, type = "u32", word_order = "ABCD", kind = "counter" }
[device.on-line]
bus = "line"
unit = 3
point.count = { area = "input", address = 10, type = "u32", word_order = "CDAB", kind = "counter" }
"""


def polled(*words: str) -> int:
    """The one value that mbpoll reads."""
    command = ["mbpoll", "-0", "-1", "-c", "1", "-o", "5", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    (value,) = re.findall(r"^\[\d+\]:\s+(-?\d+)", said, re.MULTILINE)
    return int(value)


@pytest.mark.parametrize("device", ["behind-gate", "on-line"])
def test_mbpoll_reads_a_counter_of_the_twin_over_tcp_and_over_a_serial_line(device: str, tmp_path: Path) -> None:
    with playing(site(WIRES), tmp_path) as played:
        played.say("preset", counter=f"{device}.count", value=0x12345678)
        assert (over_tcp(played) if device == "behind-gate" else over_line(played)) == 0x12345678


def over_tcp(played: Played) -> int:
    host, _, port = played.twin.wires["gate"].address.rpartition(":")
    return polled("-m", "tcp", "-p", port, "-a", "7", "-r", "40", "-t", "4:int", "-B", host)


def over_line(played: Played) -> int:
    settings = ("-m", "rtu", "-b", "115200", "-P", "none")
    return polled(*settings, "-a", "3", "-r", "10", "-t", "3:int", played.twin.wires["line"].address)

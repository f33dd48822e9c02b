"""On a line where every byte takes its time the silence before each request is held, whatever the speed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from slaves import answers, outcomes_until, unit_device

from agent.bus.serial_line import SerialOwner
from config.bus_settings import SerialBus
from drivers.modbus import asks

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "line_emulator.c"
CHARACTER_BITS = 10


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("line") / "line_emulator"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], check=True)
    return program


@pytest.mark.parametrize("baud", [9600, 19200, 115200])
def test_no_request_breaks_the_silence_and_none_is_lost(emulator: Path, baud: int) -> None:
    gap_us = 1750 if baud > 19200 else 3.5e6 * CHARACTER_BITS / baud
    words = [emulator, str(baud), str(CHARACTER_BITS), str(gap_us), "0", "1", "2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as line:
        assert line.stdout is not None
        bus = SerialBus("line", line.stdout.readline().strip(), baud, "none", 1, 1.0)
        devices = [unit_device(f"plc-{unit}", "line", unit, 0.02) for unit in (1, 2)]
        owner = SerialOwner(bus, [(device, asks(device, "rtu")) for device in devices])
        owner.start()
        seen = outcomes_until(owner, lambda outcomes: len(answers(outcomes)) >= 20)
        owner.stop()
        told = json.loads(line.communicate()[0])
    assert {answer.batch.values for answer in answers(seen)} == {(1,)}  # registers 0 and 1 hold their addresses
    assert (told["early"], told["unanswered"]) == (0, 0)
    assert told["shortest_gap_us"] >= gap_us

"""The arithmetic of the serial wire, against the standard and against the field's table of poll times."""

from __future__ import annotations

import pytest

from config.settings import Parity, SerialBus
from drivers.wire import Wire

TURNAROUND_S = 0.020


def wire(baud: int, parity: Parity = "even", stop_bits: int = 1) -> Wire:
    return Wire.of(SerialBus("line", "/dev/null", baud, parity, stop_bits, 0.5))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("baud", "registers", "expected_ms"),
    [
        (4800, 2, 75), (4800, 32, 213), (4800, 125, 639),
        (9600, 2, 48), (9600, 32, 116), (9600, 125, 329),
        (19200, 2, 34), (19200, 32, 68), (19200, 125, 175),
        (115200, 2, 25), (115200, 32, 31), (115200, 125, 49),
    ],
)  # fmt: skip
def test_a_read_takes_as_long_as_in_the_field(baud: int, registers: int, expected_ms: int) -> None:
    line = wire(baud)
    read_s = line.frame_s(8) + line.gap_s + TURNAROUND_S + line.frame_s(5 + 2 * registers) + line.gap_s
    assert read_s * 1000 == pytest.approx(expected_ms, abs=1)


def test_a_character_has_its_parity_and_stop_bits() -> None:
    assert wire(9600, "none", 1).char_s == pytest.approx(10 / 9600)
    assert wire(9600, "none", 2).char_s == pytest.approx(11 / 9600)
    assert wire(9600, "odd", 1).char_s == pytest.approx(11 / 9600)
    assert wire(9600, "even", 2).char_s == pytest.approx(12 / 9600)


def test_the_gap_is_three_and_a_half_characters_and_fixed_above_19200_baud() -> None:
    assert wire(1200).gap_s == pytest.approx(3.5 * 11 / 1200)
    assert wire(19200).gap_s == pytest.approx(3.5 * 11 / 19200)
    assert wire(38400).gap_s == 0.00175
    assert wire(115200).gap_s == 0.00175

"""The arithmetic of the serial wire, against the standard and against the field's table of poll times."""

from __future__ import annotations

import pytest
from modbus_oracle import device, point

from config.bus_settings import Parity, SerialBus, TcpBus
from drivers.modbus import asks
from drivers.wire import Wire, price

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


def test_an_ascii_character_of_seven_bits_has_ten_bits_on_the_wire() -> None:
    for parity, stop_bits in (("even", 1), ("odd", 1), ("none", 2)):
        bus = SerialBus("line", "/dev/x", 9600, parity, stop_bits, 0.5, data_bits=7, framing="ascii")  # type: ignore[arg-type]
        assert Wire.of(bus).char_s == pytest.approx(10 / 9600)


def test_ascii_costs_two_characters_a_byte_and_the_price_is_that_of_the_frames() -> None:
    silences_s = 2 * 3.5 * 10 / 9600 + 0.02 + 0.001
    bus = SerialBus("line", "/dev/x", 9600, "even", 1, 0.5, data_bits=7, framing="ascii")
    for quantity in (1, 10, 125):
        (ask,) = asks(device(*(point(f"w{n}", "holding", n, "u16") for n in range(quantity))), "ascii")
        on_wire_s = Wire.of(bus).frame_s(len(ask.request(0)) + ask.reply_length)
        assert price(bus).of(2 * quantity) == pytest.approx(on_wire_s + silences_s)
    rtu = SerialBus("line", "/dev/x", 9600, "none", 1, 0.5)
    assert price(bus).byte_s == 2 * price(rtu).byte_s


def test_behind_a_converter_there_is_nothing_to_sleep_for_but_a_silence_to_hold() -> None:
    wire = Wire.of(TcpBus("line", "10.0.0.9", 4001, 1.0, "rtu"))
    assert wire.frame_s(255) == 0
    assert wire.gap_s >= 3.5 * 10 / 9600
    assert price(TcpBus("line", "10.0.0.9", 4001, 1.0, "ascii")).byte_s == 2 * price(TcpBus("x", "y", 1, 1.0)).byte_s

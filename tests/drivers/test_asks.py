"""Which reads a device's points make: all of them, none torn, none over a hole, and reads only."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import FUNCTIONS, WIDTHS, bit_image, device, image, point, refusal, reply

from config.device_settings import Device
from drivers import Batch, DeviceError
from drivers.modbus import asks
from drivers.modbus_guard import read_guard

REGISTER_TYPES = sorted(set(WIDTHS) - {"bit"})


@st.composite
def devices(draw: Any) -> Device:
    """Any device that the operator's files can describe."""
    points = []
    for n in range(draw(st.integers(1, 30))):
        area = draw(st.sampled_from(sorted(FUNCTIONS)))
        of_type = "bit" if area in ("coil", "discrete") else draw(st.sampled_from(REGISTER_TYPES))
        near = draw(st.sampled_from([0, 90, 65_400]))
        address = min(near + draw(st.integers(0, 140)), 65_536 - WIDTHS[of_type])
        points.append(
            point(f"p{n}", area, address, of_type, word_order=draw(st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"])))
        )
    return device(*points, unit=draw(st.integers(1, 247)), max_read_registers=draw(st.integers(4, 125)))


def spans(of: Device) -> list[tuple[str, int, int]]:
    return [(ask.read.area, ask.read.address, ask.read.quantity) for ask in asks(of, "tcp")]


@given(devices(), st.integers(0, 2**20))
def test_every_request_of_every_device_is_a_read(of: Device, turn: int) -> None:
    for ask in asks(of, "tcp"):
        assert ask.request(turn)[7] in {1, 2, 3, 4}
        assert read_guard("tcp")(ask.request(turn))
    for ask in asks(of, "rtu"):
        assert ask.request(turn)[1] in {1, 2, 3, 4}
        assert read_guard("rtu")(ask.request(turn))
    for ask in asks(of, "ascii"):
        assert read_guard("ascii")(ask.request(turn))


@given(devices())
def test_every_point_is_read_once_whole_and_within_the_limit(of: Device) -> None:
    by_name = {each.name: each for each in of.points}
    made = asks(of, "tcp")
    assert sorted(name for ask in made for name in ask.points) == sorted(by_name)
    for ask in made:
        assert ask.unit == of.unit
        for name in ask.points:
            its = by_name[name]
            assert its.area == ask.read.area
            assert ask.read.address <= its.address
            assert its.address + WIDTHS[its.type] <= ask.read.address + ask.read.quantity
        assert ask.read.quantity <= (2000 if ask.read.area in ("coil", "discrete") else of.max_read_registers)


@given(devices())
def test_no_read_asks_for_a_register_that_no_point_lies_on(of: Device) -> None:
    lain_on = {(each.area, each.address + n) for each in of.points for n in range(WIDTHS[each.type])}
    for area, address, quantity in spans(of):
        assert {(area, address + n) for n in range(quantity)} <= lain_on


@given(devices(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_in_the_file_changes_nothing(of: Device, dice: Any) -> None:
    shuffled = list(of.points)
    dice.shuffle(shuffled)
    again = device(*shuffled, unit=of.unit, max_read_registers=of.max_read_registers)
    assert [(ask.request(1), ask.points) for ask in asks(again, "rtu")] == [
        (ask.request(1), ask.points) for ask in asks(of, "rtu")
    ]


def test_neighbours_share_a_read_and_a_hole_parts_them() -> None:
    points = [point(f"c{n}", "holding", at, "u32") for n, at in enumerate((0, 2, 4, 7, 9))]
    assert spans(device(*points)) == [("holding", 0, 6), ("holding", 7, 4)]


def test_a_point_inside_a_wider_one_does_not_part_its_neighbours() -> None:
    points = [
        point("wide", "holding", 0, "u64"),
        point("inside", "holding", 1, "u16"),
        point("next", "holding", 4, "u16"),
    ]
    assert spans(device(*points)) == [("holding", 0, 5)]


def test_areas_never_share_a_read_and_come_in_the_order_of_their_function_codes() -> None:
    areas = ("input", "holding", "discrete", "coil")
    points = [point(area, area, 5, "bit" if area in ("coil", "discrete") else "u16") for area in areas]
    assert spans(device(*points)) == [("coil", 5, 1), ("discrete", 5, 1), ("holding", 5, 1), ("input", 5, 1)]


def test_130_registers_are_two_reads_and_every_value_keeps_its_name() -> None:
    points = [point(f"w{n}", "holding", n, "u16") for n in range(130)]
    made = asks(device(*points), "tcp")
    assert spans(device(*points)) == [("holding", 0, 125), ("holding", 125, 5)]
    seen: dict[str, Any] = {}
    for ask in made:
        octets = b"".join((1000 + ask.read.address + n).to_bytes(2) for n in range(ask.read.quantity))
        batch = ask.answer(bytearray(reply("tcp", 1, "holding", octets)), 1, 0.0)
        assert batch is not None
        seen |= dict(zip(ask.points, batch.values, strict=True))
    assert seen == {f"w{n}": 1000 + n for n in range(130)}


def test_a_value_that_would_straddle_the_limit_goes_whole_into_the_next_read() -> None:
    points = [point(f"c{n}", "holding", 2 * n, "u32") for n in range(64)]
    assert spans(device(*points)) == [("holding", 0, 124), ("holding", 124, 4)]
    assert spans(device(*points, max_read_registers=7))[:2] == [("holding", 0, 6), ("holding", 6, 6)]


def test_a_value_wider_than_the_limit_is_a_read_of_its_own() -> None:
    points = [point("a", "holding", 0, "u16"), point("b", "holding", 1, "u64"), point("c", "holding", 5, "u16")]
    assert spans(device(*points, max_read_registers=2)) == [("holding", 0, 1), ("holding", 1, 4), ("holding", 5, 1)]


def test_the_limit_for_registers_is_none_for_bits_which_stop_at_2000() -> None:
    points = [point(f"b{n}", "coil", n, "bit") for n in range(2001)]
    assert spans(device(*points, max_read_registers=10)) == [("coil", 0, 2000), ("coil", 2000, 1)]


@given(st.lists(st.booleans(), min_size=17, max_size=17))
def test_17_coils_are_three_bytes_and_each_bit_is_its_own(bits: list[bool]) -> None:
    (ask,) = asks(device(*(point(f"b{n}", "coil", 1 + n, "bit") for n in range(17))), "tcp")
    assert ask.reply_length == 9 + 3
    assert ask.answer(bytearray(reply("tcp", 1, "coil", bit_image(bits))), 1, 0.5) == Batch(tuple(bits), 0.5)


@pytest.mark.parametrize("failed", range(4))
def test_a_refused_read_takes_nothing_from_the_others_and_moves_no_value(failed: int) -> None:
    points = [point(f"c{n}", "input", 2 * n, "u32") for n in range(20)]
    made = asks(device(*points, max_read_registers=10), "rtu")
    seen: dict[str, Any] = {}
    for n, ask in enumerate(made):
        mine = [each for each in points if each.name in ask.points]
        octets = image(mine, [10_000 + each.address for each in mine], ask.read.address, ask.read.quantity)
        if n == failed:
            with pytest.raises(DeviceError, match="ILLEGAL DATA ADDRESS"):
                ask.answer(bytearray(refusal("rtu", 1, "input", 2)), n, 0.0)
            continue
        batch = ask.answer(bytearray(reply("rtu", 1, "input", octets)), n, 0.0)
        assert batch is not None
        seen |= dict(zip(ask.points, batch.values, strict=True))
    assert len(made) == 4
    assert seen == {each.name: 10_000 + each.address for each in points if each.name not in made[failed].points}


def test_a_device_without_points_asks_nothing() -> None:
    assert asks(device(), "tcp") == ()


def test_a_point_past_the_end_of_its_area_is_refused() -> None:
    with pytest.raises(ValueError, match="no such read"):
        asks(device(point("p", "holding", 65_535, "u32")), "tcp")

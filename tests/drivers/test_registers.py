"""Every type in every word order comes back as it was written; what is no number in its limits is no value."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import FORMATS, WIDTHS, device, image, on_wire, point, reply

from drivers.modbus import asks

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "f32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "f64": st.floats(allow_nan=False, allow_infinity=False),
    "bcd16": st.integers(0, 9999),
    "bcd32": st.integers(0, 99_999_999),
    **{f"u{bits}": st.integers(0, 2**bits - 1) for bits in (16, 32, 64)},
    **{f"i{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (16, 32, 64)},
}


def read(points: list[Any], octets: bytes) -> dict[str, Any]:
    """What one TCP reply with these registers says of each point."""
    (ask,) = asks(device(*points), "tcp")
    batch = ask.answer(bytearray(reply("tcp", 1, points[0].area, octets, 9)), 9, 2.5)
    assert batch is not None
    assert batch.at_s == 2.5
    return dict(zip(ask.points, batch.values, strict=True))


def one(octets: bytes, of: str, **more: Any) -> Any:
    return read([point("p", "holding", 0, of, **more)], octets)["p"]


@pytest.mark.parametrize("of", NUMBERS)
@given(numbers=st.data(), order=st.sampled_from(ORDERS))
def test_every_type_in_every_word_order_comes_back_as_it_was_written(numbers: Any, of: str, order: str) -> None:
    values = numbers.draw(st.lists(NUMBERS[of], min_size=1, max_size=10))
    points = [point(f"p{n}", "input", 500 + n * WIDTHS[of], of, word_order=order) for n in range(len(values))]
    seen = read(points, image(points, values, 500, len(values) * WIDTHS[of]))
    assert list(seen.values()) == values
    assert {v.__class__ for v in seen.values()} == {float if of in ("f32", "f64") else int}


@given(st.data())
def test_any_mixture_of_types_and_orders_in_one_reply_comes_back(numbers: Any) -> None:
    kinds = numbers.draw(
        st.lists(st.tuples(st.sampled_from(sorted(NUMBERS)), st.sampled_from(ORDERS)), min_size=1, max_size=20)
    )
    points, values, at = [], [], 0
    for n, (of, order) in enumerate(kinds):
        points.append(point(f"p{n}", "holding", at, of, word_order=order))
        values.append(numbers.draw(NUMBERS[of]))
        at += WIDTHS[of]
    shuffled = numbers.draw(st.permutations(points))
    assert read(shuffled, image(points, values, 0, at)) == {p.name: v for p, v in zip(points, values, strict=True)}


@given(st.binary(min_size=40, max_size=40), st.data())
def test_points_may_lie_over_each_other(octets: bytes, draw: Any) -> None:
    kinds = draw.draw(
        st.lists(st.tuples(st.sampled_from(sorted(FORMATS)), st.sampled_from(ORDERS), st.integers(0, 16)), max_size=12)
    )
    cover = [point(f"w{n}", "holding", n, "u16") for n in range(20)]
    over = [point(f"p{n}", "holding", at, of, word_order=order) for n, (of, order, at) in enumerate(kinds)]
    seen = read(cover + over, octets)
    assert [seen[each.name] for each in cover] == list(struct.unpack(">20H", octets))
    for each in over:
        value = seen[each.name]
        wire = octets[2 * each.address : 2 * each.address + 2 * WIDTHS[each.type]]
        assert value is None or on_wire(each.type, each.word_order, value) == wire


def test_the_names_of_the_orders_mean_what_the_trade_means_by_them() -> None:
    assert one(b"\x12\x34\x56\x78", "u32", word_order="ABCD") == 0x12345678
    assert one(b"\x56\x78\x12\x34", "u32", word_order="CDAB") == 0x12345678
    assert one(b"\x34\x12\x78\x56", "u32", word_order="BADC") == 0x12345678
    assert one(b"\x78\x56\x34\x12", "u32", word_order="DCBA") == 0x12345678
    assert one(b"\x77\x88\x55\x66\x33\x44\x11\x22", "u64", word_order="CDAB") == 0x1122334455667788
    assert one(b"\x12\x34", "u16", word_order="CDAB") == 0x1234
    assert one(b"\x34\x12", "u16", word_order="BADC") == 0x1234


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("of", ["f32", "f64"])
@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_float_that_is_no_number_is_no_value(of: str, order: str, broken: float) -> None:
    assert one(on_wire(of, order, broken), of, word_order=order) is None


def test_a_float_that_scales_beyond_all_numbers_is_no_value() -> None:
    assert one(on_wire("f64", "ABCD", 1e308), "f64", scale=1e10) is None


@given(st.binary(min_size=4, max_size=4))
def test_a_digit_above_nine_in_bcd_is_no_value_and_spoils_no_neighbour(octets: bytes) -> None:
    points = [point("a", "holding", 0, "bcd16"), point("b", "holding", 1, "bcd16"), point("c", "holding", 0, "bcd32")]
    seen = read(points, octets)
    digits = octets.hex()
    assert seen == {
        "a": int(digits[:4]) if digits[:4].isdecimal() else None,
        "b": int(digits[4:]) if digits[4:].isdecimal() else None,
        "c": int(digits) if digits.isdecimal() else None,
    }


@pytest.mark.parametrize(("raw", "value"), [(99, None), (100, 10.0), (250, 25.0), (251, None)])
def test_the_limits_are_of_the_scaled_value_inclusive_and_reject_instead_of_clamping(
    raw: int, value: float | None
) -> None:
    assert one(on_wire("u16", "ABCD", raw), "u16", scale=0.1, low=10, high=25) == (value and pytest.approx(value))


def test_one_limit_alone_holds_on_its_side_only() -> None:
    assert one(on_wire("i16", "ABCD", -5), "i16", low=0) is None
    assert one(on_wire("i16", "ABCD", -5), "i16", high=0) == -5
    assert one(on_wire("i16", "ABCD", 5), "i16", high=0) is None


def test_a_scale_of_one_leaves_whole_numbers_whole() -> None:
    big = 2**63 + 1  # a float could not hold it
    assert one(on_wire("u64", "ABCD", big), "u64") == big


def test_a_counter_is_handed_over_as_the_device_counts_and_never_scaled() -> None:
    assert one(on_wire("u32", "ABCD", 12), "u32", kind="counter", scale=0.5, modulus=10) == 12


@pytest.mark.parametrize(("area", "of"), [("coil", "u16"), ("discrete", "f32"), ("holding", "bit"), ("input", "bit")])
def test_bits_live_in_bit_areas_and_numbers_in_register_areas(area: str, of: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        asks(device(point("p", area, 0, of)), "tcp")

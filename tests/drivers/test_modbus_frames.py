"""Whatever bytes come, an ask gives a true batch, waits, or refuses; and nothing but a read can leave."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import bit_image, crc, device, framed, image, point, refusal, reply

from drivers import Batch, DeviceError, FrameError
from drivers.modbus import ReadAsk, asks
from drivers.modbus_frames import EXCEPTIONS, Read
from drivers.modbus_guard import read_guard

FRAMINGS = ("tcp", "rtu", "ascii")
TURN = 0xABCD
UNIT = 17

POINTS = {
    "counters": [point(f"c{n}", "holding", 100 + 2 * n, "u32", kind="counter", modulus=2**32) for n in range(10)],
    "mixed": [
        point("a", "input", 0, "u16"),
        point("b", "input", 1, "f32", word_order="CDAB"),
        point("c", "input", 3, "bcd16", high=50),
    ],
    "coils": [point(f"b{n}", "coil", 3 + n, "bit") for n in range(17)],
    "eye": [point("eye", "discrete", 9, "bit")],
    "longest": [point(f"w{n}", "holding", n, "u64") for n in range(0, 124, 4)],
}
SHAPES = [(name, framing) for name in POINTS for framing in FRAMINGS]
REASONS = {"crc", "unit", "function", "count", "length", "transaction", "protocol", "garbage"}


def ask_of(shape: str, framing: str) -> ReadAsk:
    (ask,) = asks(device(*POINTS[shape], unit=UNIT), framing)  # type: ignore[arg-type]
    return ask


def good(ask: ReadAsk, framing: str, turn: int = TURN) -> bytes:
    octets = bytes((7 * n + 3) % 256 for n in range(ask.read.data_length))
    return reply(framing, UNIT, ask.read.area, octets, turn)


def outcome(ask: ReadAsk, octets: bytes) -> tuple[Any, bytes]:
    """What the ask makes of the bytes, and what it leaves of them. Anything but the four outcomes raises."""
    buffer = bytearray(octets)
    try:
        result: Any = ask.answer(buffer, TURN, 1.0)
    except (FrameError, DeviceError) as error:
        result = error
    return result, bytes(buffer)


def cased(framing: str, octets: bytes) -> bytes:
    """Digits of either case mean the same."""
    return octets.upper() if framing == "ascii" else octets


def values_of(framing: str, octets: bytes) -> bytes:
    """The bytes of values in a good reply."""
    if framing == "ascii":
        return bytes.fromhex(octets[7:-4].decode())
    return octets[9:] if framing == "tcp" else octets[3:-2]


def check_promise(ask: ReadAsk, framing: str, octets: bytes) -> None:
    result, left = outcome(ask, octets)
    if result is None:
        assert left == octets
    elif isinstance(result, FrameError):
        assert left == octets
        assert result.reason in REASONS
    elif isinstance(result, DeviceError):
        eaten = octets[: len(octets) - len(left)]
        assert cased(framing, eaten) == refusal(framing, UNIT, ask.read.area, result.code, TURN)
        assert octets == eaten + left
    else:
        assert isinstance(result, Batch)
        eaten = octets[: len(octets) - len(left)]
        assert octets == eaten + left
        assert len(eaten) == ask.reply_length
        body = values_of(framing, eaten)
        assert cased(framing, eaten) == reply(framing, UNIT, ask.read.area, body, TURN)
        assert len(result.values) == len(ask.points)


@pytest.mark.fault("M5")
@pytest.mark.parametrize(("shape", "framing"), SHAPES)
@given(octets=st.binary(max_size=300))
def test_arbitrary_bytes_bring_only_a_batch_a_wait_or_one_of_two_errors(
    octets: bytes, shape: str, framing: str
) -> None:
    check_promise(ask_of(shape, framing), framing, octets)


@pytest.mark.parametrize(("shape", "framing"), SHAPES)
@given(draw=st.data())
def test_a_damaged_reply_never_passes_for_another_answer(draw: Any, shape: str, framing: str) -> None:
    ask = ask_of(shape, framing)
    octets = bytearray(draw.draw(st.sampled_from([good(ask, framing), refusal(framing, UNIT, ask.read.area, 2, TURN)])))
    for _ in range(draw.draw(st.integers(0, 4))):
        if octets:
            octets[draw.draw(st.integers(0, len(octets) - 1))] = draw.draw(st.integers(0, 255))
    octets += draw.draw(st.binary(max_size=12))
    check_promise(ask, framing, bytes(octets[: draw.draw(st.integers(0, len(octets)))]))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_twenty_thousand_replies_with_flipped_bits_keep_the_promise(framing: str) -> None:
    dice = random.Random(20)
    ask = ask_of("counters", framing)
    reference = good(ask, framing)
    truth, _ = outcome(ask, reference)
    for _ in range(20_000):
        octets = bytearray(reference)
        for _ in range(dice.choice((1, 1, 2, 3))):
            octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
        result, left = outcome(ask, bytes(octets))
        if framing == "rtu" and octets != reference:
            assert not isinstance(result, Batch)
        assert result is not None or left == octets
        assert octets != reference or result == truth


@pytest.mark.parametrize(("shape", "framing"), SHAPES)
def test_a_reply_split_at_every_byte_waits_untouched_and_then_answers(shape: str, framing: str) -> None:
    ask = ask_of(shape, framing)
    octets = good(ask, framing)
    assert len(octets) == ask.reply_length
    for at in range(len(octets)):
        assert outcome(ask, octets[:at]) == (None, octets[:at])
    buffer = bytearray()
    for at in range(len(octets)):
        assert ask.answer(buffer, TURN, 1.0) is None
        buffer += octets[at : at + 1]
    assert isinstance(ask.answer(buffer, TURN, 1.0), Batch)
    assert not buffer


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_refusal_split_at_every_byte_waits_too(framing: str) -> None:
    ask = ask_of("counters", framing)
    octets = refusal(framing, UNIT, "holding", 6, TURN)
    for at in range(len(octets)):
        assert outcome(ask, octets[:at]) == (None, octets[:at])
    result, left = outcome(ask, octets + b"rest")
    assert (result.code, result.name, left) == (6, "SERVER DEVICE BUSY", b"rest")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_exception_code_is_an_answer_with_a_name(framing: str) -> None:
    ask = ask_of("eye", framing)
    for code in range(256):
        result, left = outcome(ask, refusal(framing, UNIT, "discrete", code, TURN))
        assert isinstance(result, DeviceError)
        assert (result.code, result.name, left) == (code, EXCEPTIONS.get(code, "UNKNOWN"), b"")


def test_the_standard_exceptions_have_their_standard_names() -> None:
    assert EXCEPTIONS[2] == "ILLEGAL DATA ADDRESS"
    assert EXCEPTIONS[11] == "GATEWAY TARGET DEVICE FAILED TO RESPOND"
    assert set(EXCEPTIONS) == set(range(1, 12)) - {9}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_what_follows_the_reply_stays_in_the_buffer(framing: str) -> None:
    ask = ask_of("counters", framing)
    result, left = outcome(ask, good(ask, framing) + b"extra")
    assert isinstance(result, Batch)
    assert left == b"extra"


DATA = bytes(40)
LIES = {
    "rtu": {
        "unit": framed("rtu", UNIT + 1, b"\x03\x28" + DATA),
        "function": framed("rtu", UNIT, b"\x04\x28" + DATA),
        "count": framed("rtu", UNIT, b"\x03\x26" + DATA[:38]),
        "crc": framed("rtu", UNIT, b"\x03\x28" + DATA)[:-1] + b"\x00",
    },
    "ascii": {
        "unit": framed("ascii", UNIT + 1, b"\x03\x28" + DATA),
        "function": framed("ascii", UNIT, b"\x04\x28" + DATA),
        "count": framed("ascii", UNIT, b"\x03\x26" + DATA[:38]),
        "length": framed("ascii", UNIT, b"\x03\x28" + DATA[:38]),
        "crc": framed("ascii", UNIT, b"\x03\x28" + DATA)[:-4] + b"00\r\n",
        "garbage": framed("ascii", UNIT, b"\x03\x28" + DATA[:4])[:-2] + framed("ascii", UNIT, b"\x03\x28" + DATA),
    },
    "tcp": {
        "transaction": framed("tcp", UNIT, b"\x03\x28" + DATA, TURN - 1),
        "protocol": b"\xab\xcd\x00\x01\x00\x2b\x11\x03\x28" + DATA,
        "length": framed("tcp", UNIT, b"\x03\x26" + DATA[:38], TURN),
        "unit": framed("tcp", UNIT + 1, b"\x03\x28" + DATA, TURN),
        "function": framed("tcp", UNIT, b"\x04\x28" + DATA, TURN),
        "count": framed("tcp", UNIT, b"\x03\x26" + DATA, TURN),
    },
}


@pytest.mark.parametrize(("framing", "reason"), [(framing, reason) for framing in LIES for reason in LIES[framing]])
def test_a_reply_that_is_wrong_in_one_field_is_refused_by_that_field(framing: str, reason: str) -> None:
    octets = LIES[framing][reason]
    result, left = outcome(ask_of("counters", framing), octets)
    assert isinstance(result, FrameError)
    assert (result.reason, left) == (reason, octets)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_the_reply_of_an_input_read_is_none_to_a_holding_read_of_the_same_shape(framing: str) -> None:
    ask = ask_of("counters", framing)
    result, _ = outcome(ask, reply(framing, UNIT, "input", bytes(40), TURN))
    assert isinstance(result, FrameError)
    assert result.reason == "function"


@pytest.mark.fault("M5")
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("count", [0, 1, 39, 41, 42, 255])
def test_a_lying_byte_count_is_refused_however_many_bytes_follow(framing: str, count: int) -> None:
    for following in (0, count, 40):
        octets = framed(framing, UNIT, bytes((3, count)) + bytes(following), TURN)
        result, left = outcome(ask_of("counters", framing), octets)
        assert isinstance(result, FrameError)
        assert result.reason in {"count", "length"} or (not following and result.reason == "function")
        assert left == octets


def test_a_late_reply_over_tcp_is_refused_by_its_transaction() -> None:
    ask = ask_of("counters", "tcp")
    buffer = bytearray(good(ask, "tcp", turn=7))
    with pytest.raises(FrameError, match="transaction"):
        ask.answer(buffer, 8, 1.0)
    assert isinstance(ask.answer(buffer, 7, 1.0), Batch)


def test_the_turn_is_the_transaction_and_wraps_at_sixteen_bits() -> None:
    ask = ask_of("counters", "tcp")
    assert ask.request(0x12345)[:2] == b"\x23\x45"
    assert ask.request(0x12345)[2:] == ask.request(0)[2:]
    assert isinstance(ask.answer(bytearray(good(ask, "tcp", 0x2345)), 0x12345, 1.0), Batch)


def test_over_rtu_a_foreign_unit_is_known_by_the_first_byte_and_a_foreign_function_by_the_second() -> None:
    ask = ask_of("counters", "rtu")
    for octets, reason in ((b"\x12", "unit"), (b"\x11\x04", "function"), (b"\x11\x03\x27", "count")):
        result, _ = outcome(ask, octets)
        assert isinstance(result, FrameError)
        assert result.reason == reason


def test_over_ascii_what_stands_before_the_colon_is_not_from_the_unit_asked() -> None:
    ask = ask_of("counters", "ascii")
    for octets, reason in ((b"\x00", "unit"), (b":12", "unit"), (b":1104", "function"), (b":110327", "count")):
        result, _ = outcome(ask, octets)
        assert isinstance(result, FrameError)
        assert result.reason == reason
    assert outcome(ask, b":1") == (None, b":1")


@given(st.data())
def test_an_ascii_reply_is_understood_in_digits_of_either_case(draw: Any) -> None:
    ask = ask_of("counters", "ascii")
    octets = good(ask, "ascii")
    small = draw.draw(st.sets(st.integers(0, len(octets) - 1)))
    mixed = bytes(one | 0x20 if at in small and one in b"ABCDEF" else one for at, one in enumerate(octets))
    assert outcome(ask, mixed) == outcome(ask, octets)


def test_noise_before_a_reply_is_refused_so_that_the_owner_drains() -> None:
    ask = ask_of("counters", "rtu")
    result, left = outcome(ask, b"\x00" + good(ask, "rtu"))
    assert isinstance(result, FrameError)
    assert len(left) == ask.reply_length + 1


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_the_echo_of_our_own_request_is_no_answer_even_where_it_has_the_form_of_one(framing: Any) -> None:
    (ask,) = asks(device(*(point(f"b{n}", "coil", 0x03E8 + n, "bit") for n in range(17))), framing)
    echo = ask.request(1)
    assert len(echo) == ask.reply_length
    result, left = outcome(ask, echo)
    assert isinstance(result, FrameError)
    assert left == echo
    buffer = bytearray(echo + reply(framing, 1, "coil", bit_image([True] * 17)))
    del buffer[: len(echo)]
    assert ask.answer(buffer, 1, 1.0) == Batch((True,) * 17, 1.0)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_request_is_what_the_standard_says(framing: str) -> None:
    ask = ask_of("counters", framing)
    assert ask.request(TURN) == framed(framing, UNIT, b"\x03\x00\x64\x00\x14", TURN)


@pytest.mark.parametrize("area", ["coils", "write", "", None, 5, 6, 15, 16])
def test_an_area_that_is_none_of_the_four_makes_no_read(area: Any) -> None:
    with pytest.raises(ValueError, match="no such area"):
        Read(1, area, 0, 1)


BEYOND = [
    (-1, "coil", 0, 1),
    (256, "coil", 0, 1),
    (1, "coil", -1, 1),
    (1, "input", 65_535, 2),
    (1, "coil", 0, 2001),
    (1, "holding", 0, 126),
    (1, "holding", 0, 0),
]


@pytest.mark.parametrize(("unit", "area", "address", "quantity"), BEYOND)
def test_a_read_beyond_the_protocol_cannot_be_made(unit: int, area: Any, address: int, quantity: int) -> None:
    with pytest.raises(ValueError, match="no such read"):
        Read(unit, area, address, quantity)


def test_a_read_cannot_be_turned_into_something_else() -> None:
    read = Read(1, "holding", 0, 1)
    for name in ("function", "area"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(read, name, 6)


def test_the_guard_of_the_link_lets_pass_the_four_reads_and_nothing_else() -> None:
    bodies = {function: bytes((function, 0, 100, 0, 2)) for function in range(256)}
    assert {f for f in bodies if read_guard("tcp")(framed("tcp", 1, bodies[f]))} == {1, 2, 3, 4}
    assert {f for f in bodies if read_guard("rtu")(framed("rtu", 1, bodies[f]))} == {1, 2, 3, 4}
    assert {f for f in bodies if read_guard("ascii")(framed("ascii", 1, bodies[f]))} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    "body",
    [
        b"\x05\x00\x01\xff\x00",
        b"\x06\x00\x01\x00\x03",
        b"\x0f\x00\x01\x00\x08\x01\xff",
        b"\x10\x00\x01\x00\x01\x02\x00\x07",
    ],
)
def test_no_write_passes_the_guard(body: bytes) -> None:
    for framing in FRAMINGS:
        assert not read_guard(framing)(framed(framing, 1, body))


def test_the_guard_wants_exactly_one_whole_request() -> None:
    tcp, rtu = framed("tcp", 1, b"\x03\x00\x64\x00\x02"), framed("rtu", 1, b"\x03\x00\x64\x00\x02")
    line = framed("ascii", 1, b"\x03\x00\x64\x00\x02")
    for frame, framing in ((tcp, "tcp"), (rtu, "rtu"), (line, "ascii")):
        assert read_guard(framing)(frame)  # type: ignore[arg-type]
        for wrong in (b"", frame[:-1], frame + b"\x00", frame + frame):
            assert not read_guard(framing)(wrong)  # type: ignore[arg-type]
    assert not any(read_guard("ascii")(wrong) for wrong in (tcp, rtu, line[:-1] + b"\r", b" " + line[1:]))
    assert not read_guard("ascii")(line[:-4] + b"00\r\n")
    assert not read_guard("ascii")(framed("ascii", 0xAB, b"\x03\x00\x64\x00\x02").lower())
    assert not read_guard("ascii")(framed("ascii", 0, b"\x03\x00\x64\x00\x02"))
    assert not read_guard("rtu")(tcp)
    assert not read_guard("tcp")(rtu)
    assert not read_guard("rtu")(rtu[:-1] + bytes((rtu[-1] ^ 1,)))
    assert not read_guard("rtu")(framed("rtu", 0, b"\x03\x00\x64\x00\x02"))
    assert not read_guard("tcp")(tcp[:2] + b"\x00\x01" + tcp[4:])
    assert not read_guard("tcp")(tcp[:5] + b"\x07" + tcp[6:])


@pytest.mark.parametrize(
    "body", [b"\x03\x00\x00\x00\x00", b"\x03\x00\x00\x00\x7e", b"\x01\x00\x00\x07\xd1", b"\x04\xff\xff\x00\x02"]
)
def test_the_guard_knows_the_limits_of_a_read(body: bytes) -> None:
    assert not read_guard("tcp")(framed("tcp", 1, body))
    assert not read_guard("rtu")(framed("rtu", 1, body))
    assert not read_guard("ascii")(framed("ascii", 1, body))


@given(st.binary(min_size=6, max_size=14))
def test_the_guard_takes_any_bytes(octets: bytes) -> None:
    with_crc = octets[:6] + crc(octets[:6])
    assert read_guard("rtu")(with_crc) == (
        octets[0] > 0
        and octets[1] in {1, 2, 3, 4}
        and 1 <= int.from_bytes(octets[4:6]) <= (2000 if octets[1] < 3 else 125)
        and int.from_bytes(octets[2:4]) + int.from_bytes(octets[4:6]) <= 65536
    )
    assert isinstance(read_guard("tcp")(octets), bool)
    assert not read_guard("ascii")(octets)
    with_lrc = framed("ascii", octets[0], octets[1:6])
    assert read_guard("ascii")(with_lrc) == read_guard("rtu")(with_crc)


def test_image_of_the_oracle_is_what_the_ask_reads() -> None:
    ask = ask_of("counters", "rtu")
    values = [3 * n + 70_000 for n in range(10)]
    octets = image(POINTS["counters"], values, 100, 20)
    assert ask.answer(bytearray(reply("rtu", UNIT, "holding", octets)), 0, 4.0) == Batch(tuple(values), 4.0)

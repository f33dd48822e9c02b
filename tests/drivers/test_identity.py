"""Who a device says it is: pymodbus speaks for the device, strangers' bytes never get past the two errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import crc
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.pdu.other_message import ReportDeviceIdResponse

from config.bus_settings import Framing
from drivers import DeviceError, FrameError
from drivers.identity import BASIC, SERVER_ID, Identity, IdentityAsk, identity_guard
from drivers.modbus_frames import Read
from drivers.modbus_guard import read_guard
from drivers.raw import raw_ask

FRAMINGS: tuple[Framing, ...] = ("rtu", "tcp")
TURN = 513


def framed(framing: Framing, unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    if framing == "rtu":
        return body + crc(body)
    return TURN.to_bytes(2, "big") + bytes((0, 0)) + len(body).to_bytes(2, "big") + body


def ask(framing: Framing, pdu: bytes = BASIC, heard: Callable[[Identity], None] = lambda _: None) -> IdentityAsk:
    return IdentityAsk(9, pdu, framing, heard)


def spoken(message: ReadDeviceInformationResponse | ReportDeviceIdResponse) -> bytes:
    return bytes((message.function_code,)) + message.encode()


NAMES = {0: b"Advantech", 1: b"ADAM-6051", 2: b"A1.08"}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_what_pymodbus_tells_of_a_device_is_understood_however_it_arrives(framing: Framing) -> None:
    said: list[Identity] = []
    reply = framed(framing, 9, spoken(ReadDeviceInformationResponse(read_code=1, information=NAMES)))
    question, buffer = ask(framing, BASIC, said.append), bytearray()
    for octet in reply[:-1]:
        buffer.append(octet)
        assert question.answer(buffer, TURN, 0.0) is None
    buffer += reply[-1:] + b"\x55"
    assert question.answer(buffer, TURN, 3.0) is not None
    assert buffer == b"\x55"
    assert said == [Identity("Advantech", "ADAM-6051", "A1.08")]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_server_id_is_told_as_what_can_be_read_of_it(framing: Framing) -> None:
    said: list[Identity] = []
    reply = framed(framing, 9, spoken(ReportDeviceIdResponse(b"\x01CT6-2P\x00", status=True)))
    assert ask(framing, SERVER_ID, said.append).answer(bytearray(reply), TURN, 0.0)
    assert said == [Identity(server_id="CT6-2P")]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("pdu", [BASIC, SERVER_ID])
def test_a_refusal_is_told_with_its_code_and_consumed(framing: Framing, pdu: bytes) -> None:
    buffer = bytearray(framed(framing, 9, bytes((pdu[0] | 0x80, 1))))
    with pytest.raises(DeviceError) as refused:
        ask(framing, pdu).answer(buffer, TURN, 0.0)
    assert (refused.value.code, buffer) == (1, b"")


@given(st.sampled_from(FRAMINGS), st.sampled_from([BASIC, SERVER_ID]), st.binary(max_size=60), st.integers(0, 8))
def test_strange_bytes_are_incomplete_or_wrong_and_nothing_else(
    framing: Framing, pdu: bytes, octets: bytes, kept: int
) -> None:
    good = framed(framing, 9, spoken(ReadDeviceInformationResponse(read_code=1, information=NAMES)))
    buffer = bytearray(good[:kept] + octets)
    before = bytes(buffer)
    try:
        batch = ask(framing, pdu).answer(buffer, TURN, 0.0)
    except FrameError:
        assert buffer == before
    except DeviceError:
        assert len(buffer) < len(before)
    else:
        assert (batch is None) == (buffer == before)


@given(st.sampled_from(FRAMINGS), st.sampled_from([BASIC, SERVER_ID]), st.data())
def test_the_guard_lets_the_two_questions_pass_and_nothing_that_differs_by_a_bit(
    framing: Framing, pdu: bytes, data: st.DataObject
) -> None:
    allows, question = identity_guard(framing), ask(framing, pdu).request(TURN)
    assert allows(question)
    assert not read_guard(framing)(question)
    bit = data.draw(st.integers(0, 8 * len(question) - 1))
    spoilt = bytearray(question)
    spoilt[bit // 8] ^= 1 << bit % 8
    free = range(2 * 8) if framing == "tcp" else ()  # any transaction number
    unit = range(6 * 8, 7 * 8) if framing == "tcp" else ()
    assert allows(bytes(spoilt)) == (bit in free or bit in unit)


@given(st.sampled_from(FRAMINGS), st.binary(max_size=16))
def test_no_other_frame_passes_the_guard(framing: Framing, frame: bytes) -> None:
    asked = [ask(framing, pdu).request(TURN)[7 if framing == "tcp" else 1 :] for pdu in (BASIC, SERVER_ID)]
    if identity_guard(framing)(frame):
        tail = frame[7:] if framing == "tcp" else frame[1:-2]
        assert tail in (asked if framing == "tcp" else [one[:-2] for one in asked])


def test_a_read_is_no_question_for_identity() -> None:
    assert not identity_guard("rtu")(raw_ask(Read(1, "holding", 0, 1), "rtu").request(1))
    assert not identity_guard("rtu")(framed("rtu", 9, bytes((0x2B, 14, 4, 0))))
    assert not identity_guard("rtu")(framed("rtu", 0, BASIC))

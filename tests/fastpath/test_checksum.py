"""The compiled checksums equal their definition, bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import crc

from fastpath.checksum import crc16_modbus, crc32c


def castagnoli(octets: bytes) -> int:
    register = 0xFFFFFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = (register >> 1) ^ 0x82F63B78 if register & 1 else register >> 1
    return register ^ 0xFFFFFFFF


def test_the_checksums_give_the_values_of_the_catalogue() -> None:
    assert crc16_modbus(b"123456789") == 0x4B37
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E


@given(st.binary(max_size=600))
def test_the_modbus_checksum_equals_its_bitwise_definition(octets: bytes) -> None:
    assert crc16_modbus(octets).to_bytes(2, "little") == crc(octets)


@given(st.binary(max_size=600))
def test_the_spool_checksum_equals_its_bitwise_definition(octets: bytes) -> None:
    assert crc32c(octets) == castagnoli(octets)


@given(st.binary(max_size=99), st.binary(max_size=99))
def test_the_spool_checksum_goes_on_from_where_it_was(head: bytes, tail: bytes) -> None:
    assert crc32c(tail, crc32c(head)) == crc32c(head + tail)


@given(st.binary(min_size=1, max_size=260))
def test_a_frame_with_its_own_checksum_checks_to_zero(octets: bytes) -> None:
    assert crc16_modbus(octets + crc(octets)) == 0


@given(st.binary(min_size=1, max_size=260), st.integers(0), st.integers(0, 7))
def test_one_flipped_bit_is_always_seen(octets: bytes, place: int, bit: int) -> None:
    flipped = bytearray(octets)
    flipped[place % len(octets)] ^= 1 << bit
    assert crc16_modbus(flipped) != crc16_modbus(octets)
    assert crc32c(flipped) != crc32c(octets)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_byte_buffer_is_taken_also_empty_and_in_part(kind: type) -> None:
    assert crc16_modbus(kind(b"")) == 0xFFFF
    assert crc32c(kind(b""), 7) == 7
    assert crc16_modbus(memoryview(kind(b"x123456789"))[1:]) == 0x4B37


def test_what_is_no_byte_buffer_is_refused() -> None:
    for wrong in (None, "123456789", 5):
        with pytest.raises((TypeError, ValueError)):
            crc16_modbus(wrong)  # type: ignore[arg-type]

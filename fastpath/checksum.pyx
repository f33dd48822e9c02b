# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, autotestdict=False
"""Checksums of the wire and of the spool: CRC-16/MODBUS and CRC-32C."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef uint16_t[256] _MODBUS
cdef uint32_t[8][256] _CASTAGNOLI


cdef void _fill_tables() noexcept nogil:
    cdef uint32_t i, bit, crc
    for i in range(256):
        crc = i
        for bit in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
        _MODBUS[i] = <uint16_t>crc
        crc = i
        for bit in range(8):
            crc = (crc >> 1) ^ (0x82F63B78U if crc & 1 else 0)
        _CASTAGNOLI[0][i] = crc
    for i in range(256):
        crc = _CASTAGNOLI[0][i]
        for bit in range(1, 8):
            crc = _CASTAGNOLI[0][crc & 0xFF] ^ (crc >> 8)
            _CASTAGNOLI[bit][i] = crc


_fill_tables()


cdef uint16_t _modbus(const uint8_t* at, Py_ssize_t length) noexcept nogil:
    cdef uint16_t crc = 0xFFFF
    cdef Py_ssize_t i
    for i in range(length):
        crc = _MODBUS[(crc ^ at[i]) & 0xFF] ^ (crc >> 8)
    return crc


cdef uint32_t _castagnoli(const uint8_t* at, Py_ssize_t length, uint32_t crc) noexcept nogil:
    crc = ~crc
    while length >= 8:
        crc ^= at[0] | (<uint32_t>at[1] << 8) | (<uint32_t>at[2] << 16) | (<uint32_t>at[3] << 24)
        crc = (_CASTAGNOLI[7][crc & 0xFF] ^ _CASTAGNOLI[6][(crc >> 8) & 0xFF]
               ^ _CASTAGNOLI[5][(crc >> 16) & 0xFF] ^ _CASTAGNOLI[4][crc >> 24]
               ^ _CASTAGNOLI[3][at[4]] ^ _CASTAGNOLI[2][at[5]]
               ^ _CASTAGNOLI[1][at[6]] ^ _CASTAGNOLI[0][at[7]])
        at += 8
        length -= 8
    while length > 0:
        crc = _CASTAGNOLI[0][(crc ^ at[0]) & 0xFF] ^ (crc >> 8)
        at += 1
        length -= 1
    return ~crc


def crc16_modbus(const uint8_t[::1] octets not None) -> int:
    """CRC of a Modbus RTU frame body; goes on the wire low byte first (Modbus over Serial Line V1.02, 6.2.2)."""
    if octets.shape[0] == 0:
        return 0xFFFF
    return _modbus(&octets[0], octets.shape[0])


def crc32c(const uint8_t[::1] octets not None, uint32_t seed=0) -> int:
    """CRC-32C (Castagnoli, RFC 3720 appendix B.4); `seed` is an earlier result to go on from, or a salt."""
    if octets.shape[0] == 0:
        return seed
    return _castagnoli(&octets[0], octets.shape[0], seed)

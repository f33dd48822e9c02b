"""How long a Modbus message is, told by its own bytes: requests and replies of every function in use.

Lengths are of the message without unit and checksum (the PDU). Source: MODBUS Application Protocol V1.1b3, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from drivers.modbus_frames import EXCEPTIONS, MOST_BITS, MOST_REGISTERS, REFUSED

MISSING = 0
"""The bytes so far do not tell the length."""

NO_MESSAGE = -1
"""No such message begins here."""

LONGEST = 253
WRITES = frozenset({5, 6, 15, 16, 21, 22, 23})
REPEATED: Mapping[int, int] = MappingProxyType({5: 5, 6: 5, 8: 3, 15: 5, 16: 5, 22: 7})
"""By function, how many bytes of the request its reply begins with."""

Octets = bytes | bytearray
Shape = Callable[[Octets, int], int]


def request_length(octets: Octets, at: int) -> int:
    """Bytes of the request that begins at `at`, or MISSING, or NO_MESSAGE."""
    return _length(_REQUESTS, octets, at)


def reply_length(octets: Octets, at: int) -> int:
    """Bytes of the reply or exception that begins at `at`, or MISSING, or NO_MESSAGE."""
    if at < len(octets) and octets[at] > REFUSED:
        return _exception(octets, at)
    return _length(_REPLIES, octets, at)


def answer_length(request: Octets, octets: Octets, at: int) -> int:
    """As `reply_length`, and NO_MESSAGE for what cannot be the reply to `request`, right or refused."""
    function = request[0]
    if at >= len(octets):
        return MISSING
    if octets[at] == function | REFUSED:
        return _exception(octets, at)
    repeated = bytes(request[: REPEATED.get(function, 1)])
    if not repeated.startswith(bytes(octets[at : at + len(repeated)])):
        return NO_MESSAGE
    wanted = _value_bytes(request)
    if wanted is not None and at + 1 < len(octets) and octets[at + 1] != wanted:
        return NO_MESSAGE
    return reply_length(octets, at)


def quantity(request: Octets) -> int:
    """How many registers or bits a read asks for."""
    return int.from_bytes(request[3:5], "big")


def address(request: Octets) -> int:
    """The first register or bit that a request names."""
    return int.from_bytes(request[1:3], "big")


def _value_bytes(request: Octets) -> int | None:
    """Bytes of values in the reply to a read; None where the request does not tell."""
    if request[0] in (1, 2):
        return (quantity(request) + 7) // 8
    return 2 * quantity(request) if request[0] in (3, 4, 23) else None


def _length(shapes: Mapping[int, Shape], octets: Octets, at: int) -> int:
    if at >= len(octets):
        return MISSING
    shape = shapes.get(octets[at])
    length = shape(octets, at) if shape else NO_MESSAGE
    return length if length <= LONGEST else NO_MESSAGE


def _exception(octets: Octets, at: int) -> int:
    return 2 if at + 1 >= len(octets) or octets[at + 1] in EXCEPTIONS else NO_MESSAGE


def _fixed(length: int) -> Shape:
    return lambda octets, at: length


def _counted(offset: int, ahead: int, most: int = LONGEST, even: bool = False) -> Shape:
    """A byte at `offset` counts what follows the first `ahead` bytes."""

    def counted(octets: Octets, at: int) -> int:
        if at + offset >= len(octets):
            return MISSING
        count = octets[at + offset]
        return NO_MESSAGE if not 1 <= count <= most or (even and count % 2) else ahead + count

    return counted


def _reading(most: int) -> Shape:
    def reading(octets: Octets, at: int) -> int:
        if at + 4 >= len(octets):
            return MISSING if _begins_sanely(octets, at, most) else NO_MESSAGE
        first, count = _numbers(octets, at + 1)
        return 5 if 1 <= count <= most and first + count <= 0x10000 else NO_MESSAGE

    return reading


def _begins_sanely(octets: Octets, at: int, most: int) -> bool:
    return at + 3 >= len(octets) or octets[at + 3] <= most >> 8


def _writing(registers_at: int, count_at: int, bits: bool = False) -> Shape:
    """A quantity at `registers_at`, the count of the bytes it takes at `count_at`, and those bytes."""

    def writing(octets: Octets, at: int) -> int:
        if at + count_at >= len(octets):
            return MISSING
        _, wanted = _numbers(octets, at + registers_at - 2)
        count = octets[at + count_at]
        needed = (wanted + 7) // 8 if bits else 2 * wanted
        return count_at + 1 + count if wanted and count == needed else NO_MESSAGE

    return writing


def _numbers(octets: Octets, at: int) -> tuple[int, int]:
    return octets[at] << 8 | octets[at + 1], octets[at + 2] << 8 | octets[at + 3]


def _one_coil(octets: Octets, at: int) -> int:
    value = bytes(octets[at + 3 : at + 5])
    return 5 if any(known.startswith(value) for known in (b"\x00\x00", b"\xff\x00")) else NO_MESSAGE


def _queue(octets: Octets, at: int) -> int:
    """Function 24 counts in two bytes, 31 registers at most."""
    if at + 2 >= len(octets):
        return MISSING
    count = octets[at + 1] << 8 | octets[at + 2]
    return 3 + count if 2 <= count <= 64 else NO_MESSAGE


def _identify(octets: Octets, at: int) -> int:
    """Function 43/14, read device identification (6.21)."""
    head = bytes(octets[at + 1 : at + 3])
    if head[:1] not in (b"", b"\x0e") or (len(head) == 2 and not 1 <= head[1] <= 4):
        return NO_MESSAGE
    return 4 if len(head) == 2 else MISSING


def _identity(octets: Octets, at: int) -> int:
    """Its reply: seven bytes, the last of them the number of objects, then number, length and text of each."""
    if _identify(octets, at) == NO_MESSAGE:
        return NO_MESSAGE
    if at + 6 >= len(octets):
        return MISSING
    end = 7
    for _ in range(octets[at + 6]):
        if at + end + 1 >= len(octets):
            return MISSING
        end += 2 + octets[at + end + 1]
    return end


_REQUESTS: Mapping[int, Shape] = MappingProxyType(
    {
        **dict.fromkeys((1, 2), _reading(MOST_BITS)),
        **dict.fromkeys((3, 4), _reading(MOST_REGISTERS)),
        5: _one_coil,
        **dict.fromkeys((6, 8), _fixed(5)),
        **dict.fromkeys((7, 11, 12, 17), _fixed(1)),
        15: _writing(3, 5, bits=True),
        16: _writing(3, 5),
        **dict.fromkeys((20, 21), _counted(1, 2)),
        22: _fixed(7),
        23: _writing(7, 9),
        24: _fixed(3),
        43: _identify,
    }
)
_REPLIES: Mapping[int, Shape] = MappingProxyType(
    {
        **dict.fromkeys((1, 2), _counted(1, 2, 250)),
        **dict.fromkeys((3, 4, 23), _counted(1, 2, 250, even=True)),
        5: _one_coil,
        **dict.fromkeys((6, 8, 11, 15, 16), _fixed(5)),
        7: _fixed(2),
        **dict.fromkeys((12, 17, 20, 21), _counted(1, 2)),
        22: _fixed(7),
        24: _queue,
        43: _identity,
    }
)

"""千鸣 (Qianming) boards: `5A FUNC DATA XOR`, XOR the exclusive or of all before it; doors and goods in two queries.

A board is named by its first box number. The reply says its first and last box and one bit for each, the lowest bit of
the first byte the first box: 1 is an open door, 1 is goods present. There is no length byte, and a shorter piece of a
frame may satisfy the checksum: the length comes from the box numbers.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, FrameError
from drivers.board_ask import Bits, BoardAsk, Octets, begins, bits, points, xor8
from drivers.lockers import Language, Said

_HEAD = 0x5A
_DOORS, _GOODS = 0x22, 0x25
_ANSWER = 0x80  # set in the function of a reply
_QUERY_BYTES, _BITS_AT = 5, 6
_MOST = 64
_REASONS = ("unit", "function", "unit", "unit")
_OTHERS = {0x23: "set box range"}
_KINDS = {_DOORS: "door", _GOODS: "item"}


def query(function: int, box: int) -> bytes:
    """The query of the doors (22) or the goods (25) of the board that has this box."""
    body = bytes((_HEAD, function, *divmod(box, 256)))
    return body + bytes((xor8(body),))


def allows(frame: bytes) -> bool:
    """Whether `frame` asks for the doors or the goods of a board."""
    if len(frame) != _QUERY_BYTES or frame[1] not in _KINDS:
        return False
    box = int.from_bytes(frame[2:4])
    return box in _ADDRESSES and frame == query(frame[1], box)


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    functions = (_DOORS, _GOODS) if items else (_DOORS,)
    return tuple(_ask(function, board, channels) for function in functions)


def _ask(function: int, board: int, channels: int) -> BoardAsk:
    head = bytes((_HEAD, function | _ANSWER, *divmod(board, 256)))
    read = partial(_read, head, function, board, channels)
    length = _length(channels)
    return BoardAsk(board, points(channels, _KINDS[function]), query(function, board), length, read)


def _length(boxes: int) -> int:
    return _BITS_AT + (boxes + 7) // 8 + 1


def _read(head: bytes, function: int, board: int, channels: int, buffer: bytearray) -> tuple[int, Bits] | None:
    begins(buffer, head, _REASONS)
    if len(buffer) < _BITS_AT:
        return None
    boxes = int.from_bytes(buffer[4:6]) - board + 1
    if not channels <= boxes <= _MOST:
        raise FrameError("count", buffer)
    length = _length(boxes)
    if len(buffer) < length:
        return None
    if xor8(buffer[:length]):
        raise FrameError("crc", buffer[:length])
    return length, bits(buffer[_BITS_AT : length - 1], channels, one=function == _GOODS)


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) < _QUERY_BYTES or frame[0] != _HEAD or xor8(frame):
        return None
    function, box = frame[1], int.from_bytes(frame[2:4])
    if function in _KINDS and len(frame) == _QUERY_BYTES:
        return Said("query", f"read {_KINDS[function]}s", box, points=(_KINDS[function],))
    if function & ~_ANSWER in _KINDS and function & _ANSWER and len(frame) > _BITS_AT:
        kind, boxes = _KINDS[function & ~_ANSWER], int.from_bytes(frame[4:6]) - box + 1
        if not 1 <= boxes <= _MOST or len(frame) != _length(boxes):
            return None
        values = bits(frame[_BITS_AT:-1], boxes, one=kind == "item")
        return Said("status", f"{kind}s", box, points=points(boxes, kind), values=values)
    if function == 0x21:
        return Said("open", "open", None, (box,))
    return Said("other", _OTHERS.get(function, f"function {function:02X}"))


def _lengths(buffer: Octets) -> tuple[int, ...]:
    if buffer[:1] != b"\x5a":
        return ()
    if len(buffer) > 1 and buffer[1] & _ANSWER and buffer[1] & ~_ANSWER in _KINDS:
        if len(buffer) < _BITS_AT:
            return (_length(1),)
        boxes = int.from_bytes(buffer[4:6]) - int.from_bytes(buffer[2:4]) + 1
        return (_length(boxes),) if 1 <= boxes <= _MOST else ()
    return (5, 6, 7, 8)


_ADDRESSES = range(1, 65536)

LANGUAGE = Language(
    name="qianming_5a",
    boards="千鸣 (Qianming) RS-485 lock boards, 5A",
    source="community code with published example frames",
    channels=_MOST,
    has_item=True,
    baud=9600,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=_lengths,
    numbered_through=True,
)

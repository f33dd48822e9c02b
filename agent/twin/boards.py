"""Simulated locker boards on one line: they hear a master's bytes and say what goes back, and may do it badly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Literal, get_args

from agent.twin.board_speech import Cabinet, asterisked, checked, reply, summed, xored
from drivers.lockers import Language, Said

Mishap = Literal["silent", "truncate", "corrupt", "noise", "merge", "late", "checksum", "board", "impossible"]
MISHAPS: tuple[Mishap, ...] = get_args(Mishap)

LATE_S = 0.7
"""How late a late reply is: after the time-out of a line as it is set up from the start."""

_MOST_BYTES = 512
Sent = list[tuple[float, bytes]]
Replies = list[tuple[int, float, bytes]]


class Boards:
    """All boards of one line by number; the owner of each `Cabinet` moves its doors.

    `mishaps` is what goes wrong with each reply of a board from now on. `heard` is every byte of the master,
    `asked` how often each board was asked.
    """

    def __init__(self, language: Language, cabinets: Mapping[int, Cabinet], seed: int = 1) -> None:
        self.language = language
        self.cabinets = dict(cabinets)
        self.mishaps: dict[int, Mishap] = {}
        self.asked = dict.fromkeys(cabinets, 0)
        self.heard = bytearray()
        self._dice = Random(seed)  # noqa: S311, a simulation is meant to be repeatable
        self._buffer = bytearray()

    def hear(self, octets: bytes) -> Sent:
        """What the boards say to these bytes of the master: pairs of a delay in seconds and bytes."""
        return [(delay_s, octets) for _, delay_s, octets in self.replies(octets)]

    def replies(self, octets: bytes) -> Replies:
        """The same, with the number of the board that says it."""
        self.heard += octets
        self._buffer += octets
        sent: Replies = []
        while self._buffer:
            said = self._frame()
            if said is None:
                break
            for board in self.cabinets:
                sent += ((board, *each) for each in self._answer(board, said))
        del self._buffer[:-_MOST_BYTES]
        return sent

    def _frame(self) -> Said | None:
        """The next frame, taken off; None while bytes are missing. What begins no frame is dropped."""
        while self._buffer:
            lengths = self.language.lengths(self._buffer)
            for length in lengths:
                said = self.language.describe(bytes(self._buffer[:length])) if length <= len(self._buffer) else None
                if said is not None:
                    del self._buffer[:length]
                    return said
            if any(length > len(self._buffer) for length in lengths):
                return None
            del self._buffer[0]
        return None

    def _answer(self, board: int, said: Said) -> Sent:
        right = reply(self.language, board, self.cabinets[board], said)
        if not right:
            return []
        self.asked[board] += 1
        mishap = self.mishaps.get(board)
        return [(0.0, right)] if mishap is None else self._badly(mishap, board, said, right)

    def _badly(self, mishap: Mishap, board: int, said: Said, right: bytes) -> Sent:
        if mishap == "silent":
            return []
        if mishap == "late":
            return [(LATE_S, right)]
        if mishap == "board":
            return [(0.0, self._as_another(board, said))]
        return [(0.0, spoil(mishap, self.language.name, right, self._dice))]

    def _as_another(self, board: int, said: Said) -> bytes:
        """The same reply under another number, and flawless."""
        spoken, cabinet = self.language, self.cabinets[board]
        step = len(cabinet.closed) if spoken.numbered_through else 1
        other = board + step if board + step in spoken.addresses else board - step
        asked = Said("query", said.name, other, said.channels, said.points)
        return reply(spoken, other, cabinet, asked)


def spoil(mishap: Mishap, name: str, right: bytes, dice: Random) -> bytes:
    """What becomes of the reply `right` of language `name`; never the reply itself."""
    if mishap == "truncate":
        return right[: dice.randrange(len(right) - 2 * (name == "yt_ascii"))]
    if mishap == "noise":
        return dice.randbytes(dice.randrange(1, 8)) + right
    if mishap == "merge":
        return right[: dice.randrange(1, len(right))] + right
    if mishap == "impossible":
        return IMPOSSIBLE[name](right)
    octets = bytearray(right)
    at = _CHECK_AT.get(name, -1) if mishap == "checksum" else dice.randrange(len(octets))
    octets[at] ^= 1 << dice.randrange(8)
    return bytes(octets)


_CHECK_AT = {"yt_ascii": -3}  # before the end of the line


def _yt_impossible(right: bytes) -> bytes:
    text = right[: right.index(b"*")]
    return asterisked(text[:-1] + b"7")


IMPOSSIBLE: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "kerong_cu16": lambda right: summed(right[:-2] + b"\x04"),
        "kerong_cu48b": lambda right: summed(right[:-2] + b"\x04"),
        "lock24_8a80": lambda right: xored(right[:-2] + b"\x34"),
        "lock32_8a80": lambda right: xored(right[:-2] + b"\x34"),
        "wkly": lambda right: xored(right[:8] + bytes((right[8] + 1,)) + right[9:-1]),
        "qianming_5a": lambda right: xored(right[:4] + b"\x00\x00" + right[6:-1]),
        "cu48_modbus": lambda right: checked(right[:2] + b"\x07" + right[3:-2]),
        "winnsen": lambda right: right[:4] + b"\x09" + right[5:],
        "yt_ascii": _yt_impossible,
    }
)
"""By language, a reply that cannot be, with a right checksum: an end that is none, a count that is not so."""

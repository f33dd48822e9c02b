"""Both directions of a Modbus RTU line that others speak on: frames found by their content, whatever the pieces.

Adapters hand over bytes in lumps, so silence between frames is often lost and sometimes invented. A frame is
where lengths and checksum agree; silence only tells that what is incomplete stays so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from drivers.modbus_dialogue import Dialogue, Frame, Verdict
from drivers.modbus_shapes import MISSING, NO_MESSAGE, answer_length, reply_length, request_length
from drivers.pieces import MOST_AT_ONCE, Pieces
from fastpath.checksum import crc16_modbus

HUSH_S = 0.05
"""Silence after which an incomplete frame is none: longer than the lumps of any adapter (1 to 16 ms)."""

_AROUND = 3  # unit and checksum
_LONGEST_FRAME = 256
_SHORTEST_FRAME = 4

Part = Literal["answer", "request", "orphan"]


class RtuTap:
    """Takes what was read and gives the frames in it. Memory is bounded; no bytes raise.

    `char_s` is what a character takes on the wire. `alarm_s` is when `hear` must be called without bytes.
    """

    def __init__(self, char_s: float) -> None:
        self._pieces = Pieces(char_s)
        self._buffer = self._pieces.buffer
        self._dialogue = Dialogue()
        self._looked = 0  # bytes at the front of the buffer that begin no frame

    @property
    def alarm_s(self) -> float:
        return self._pieces.heard_s + HUSH_S if self._buffer else self._dialogue.alarm_s

    def hear(self, octets: bytes, at_s: float) -> list[Frame]:
        """What is whole by now, in the order of the wire; `octets` were read at `at_s`."""
        told: list[Frame] = []
        for start in range(0, len(octets), MOST_AT_ONCE):
            piece = octets[start : start + MOST_AT_ONCE]
            self._pieces.add(piece, at_s, len(octets) - start - len(piece))
            self._resolve(told, final=False)
        if not octets and at_s >= self.alarm_s:
            if self._buffer:
                self._resolve(told, final=True)
            if at_s >= self._dialogue.alarm_s:
                told += self._dialogue.give_up()
        return told

    def _resolve(self, told: list[Frame], *, final: bool) -> None:
        """Take frames off the buffer as far as they are whole; `final`: no byte more belongs to what is there."""
        while self._looked < len(self._buffer):
            found = self._frame_at(self._looked, final=final)
            if found is None:
                return
            length, part = found
            if length == NO_MESSAGE:
                self._looked += 1
                if self._looked == _LONGEST_FRAME:
                    self._drop_strays(told)
                continue
            self._drop_strays(told)
            told += self._frame(length, part)
        if final:
            self._drop_strays(told)

    def _frame_at(self, at: int, *, final: bool) -> tuple[int, Part] | None:
        """Length and part of the frame that begins there; NO_MESSAGE when none does, None when bytes are missing.

        The awaited answer is waited for even where its beginning makes a shorter frame by chance.
        """
        waiting = False
        for part, pdu_length in self._candidates(at):
            length = pdu_length + _AROUND
            if pdu_length == NO_MESSAGE:
                continue
            if pdu_length == MISSING or at + length > len(self._buffer):
                if part == "answer" and not final:
                    return None
                waiting = not final
            elif crc16_modbus(self._buffer[at : at + length]) == 0:
                return length, part
        return None if waiting else (NO_MESSAGE, "orphan")

    def _candidates(self, at: int) -> Iterator[tuple[Part, int]]:
        asked = self._dialogue.asked
        if asked is not None and asked.unit == self._buffer[at]:
            yield "answer", answer_length(asked.pdu, self._buffer, at + 1)
        yield "request", request_length(self._buffer, at + 1)
        yield "orphan", reply_length(self._buffer, at + 1)

    def _frame(self, length: int, part: Part) -> list[Frame]:
        frame = self._cut(length, "request" if part == "request" else "orphan")
        if part == "request":
            return self._dialogue.request(frame)
        return self._dialogue.answer(frame) if part == "answer" else self._dialogue.other(frame)

    def _drop_strays(self, told: list[Frame]) -> None:
        """Tell what begins no known frame: frames of unknown functions by their checksum, the rest as garbage."""
        count, self._looked = self._looked, 0
        while count:
            whole = _whole(self._buffer[:count])
            frame = self._cut(whole or count, "foreign" if whole else "garbage")
            count -= len(frame.octets)
            told += self._dialogue.other(frame)

    def _cut(self, length: int, verdict: Verdict) -> Frame:
        octets, at_s, gap_s = self._pieces.take(length)
        if verdict == "garbage":
            return Frame(verdict, octets, None, b"", at_s, gap_s)
        return Frame(verdict, octets, octets[0], octets[1:-2], at_s, gap_s)


def _whole(strays: bytearray) -> int:
    """Length of the frame that strays begin with, by its checksum alone; 0 when they begin with none."""
    lengths = range(_SHORTEST_FRAME, len(strays) + 1)
    return next((n for n in lengths if crc16_modbus(strays[:n]) == 0), 0)

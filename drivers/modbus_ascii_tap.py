"""Both directions of a Modbus ASCII line that others speak on: every line between a colon and its end.

Source: MODBUS over Serial Line V1.02, 2.5.2. Which of two equal lines is the answer is told by what is awaited.
"""

from __future__ import annotations

from drivers.modbus_dialogue import Dialogue, Frame, Verdict
from drivers.modbus_shapes import answer_length, reply_length, request_length
from drivers.pieces import MOST_AT_ONCE, Pieces

SILENCE_S = 1.0
"""Characters of one line may be so far apart (2.5.2.1); longer, and the rest does not come."""

_LONGEST_LINE = 513


class AsciiTap:
    """As `drivers.modbus_tap.RtuTap`."""

    def __init__(self, char_s: float) -> None:
        self._pieces = Pieces(char_s)
        self._dialogue = Dialogue()

    @property
    def alarm_s(self) -> float:
        return self._pieces.heard_s + SILENCE_S if self._pieces.buffer else self._dialogue.alarm_s

    def hear(self, octets: bytes, at_s: float) -> list[Frame]:
        """What is whole by now, in the order of the wire; `octets` were read at `at_s`."""
        told: list[Frame] = []
        for start in range(0, len(octets), MOST_AT_ONCE):
            piece = octets[start : start + MOST_AT_ONCE]
            self._pieces.add(piece, at_s, len(octets) - start - len(piece))
            self._resolve(told)
        if not octets and at_s >= self.alarm_s:
            if self._pieces.buffer:
                told += self._frame(len(self._pieces.buffer))
            if at_s >= self._dialogue.alarm_s:
                told += self._dialogue.give_up()
        return told

    def _resolve(self, told: list[Frame]) -> None:
        """Take off every whole line, and what stands before its colon or is too long for one."""
        buffer = self._pieces.buffer
        while (length := _next(buffer)) > 0:
            told += self._frame(length)

    def _frame(self, length: int) -> list[Frame]:
        octets, at_s, gap_s = self._pieces.take(length)
        said = decoded(octets)
        if said is None:
            return self._dialogue.other(Frame("garbage", octets, None, b"", at_s, gap_s))
        unit, pdu = said[0], said[1:]
        asked = self._dialogue.asked
        if asked is not None and asked.unit == unit and answer_length(asked.pdu, pdu, 0) == len(pdu):
            return self._dialogue.answer(Frame("reply", octets, unit, pdu, at_s, gap_s))
        verdict = _verdict(pdu)
        frame = Frame(verdict, octets, unit, pdu, at_s, gap_s)
        return self._dialogue.request(frame) if verdict == "request" else self._dialogue.other(frame)


def decoded(line: bytes) -> bytes | None:
    """Unit and message of a line, with its colon and with or without its end; None where it is damaged."""
    digits = line.rstrip(b"\r\n")
    if not digits.startswith(b":") or not digits[1:].isalnum():
        return None
    try:
        octets = bytes.fromhex(digits[1:].decode("ascii"))
    except ValueError:
        return None
    return octets[:-1] if len(octets) >= 3 and sum(octets) & 0xFF == 0 else None


def _next(buffer: bytearray) -> int:
    """How many bytes at the front make the next line, or none; 0 while that cannot be told."""
    colon = buffer.find(b":", 1)
    end = buffer.find(b"\n") + 1
    if end and (colon < 0 or end <= colon):
        return end if buffer.startswith(b":") or colon < 0 else colon
    if colon > 0:
        return colon
    return len(buffer) if len(buffer) > _LONGEST_LINE else 0


def _verdict(pdu: bytes) -> Verdict:
    if request_length(pdu, 0) == len(pdu):
        return "request"
    return "orphan" if reply_length(pdu, 0) == len(pdu) else "foreign"

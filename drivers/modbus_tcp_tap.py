"""Both directions of one Modbus TCP connection that is listened to: requests as sent, replies by their transaction."""

from __future__ import annotations

from dataclasses import replace

from drivers.modbus_dialogue import Frame, Verdict
from drivers.modbus_frames import REFUSED

_HEAD = 6
_LONGEST = 254
_OPEN_MOST = 64


class TcpTap:
    """`sent` are the bytes towards the device. Memory is bounded; no bytes raise."""

    def __init__(self) -> None:
        self._buffers = {True: bytearray(), False: bytearray()}
        self._open: dict[bytes, Frame] = {}
        self._end_s = 0.0

    def hear(self, octets: bytes, at_s: float, *, sent: bool) -> list[Frame]:
        """What is whole by now; `octets` were seen at `at_s`."""
        buffer, told = self._buffers[sent], list[Frame]()
        buffer += octets
        while len(buffer) >= _HEAD:
            length = int.from_bytes(buffer[4:6], "big")
            sound = buffer[2:4] == b"\0\0" and 2 <= length <= _LONGEST
            if sound and len(buffer) < _HEAD + length:
                break
            end = _HEAD + length if sound else len(buffer)
            frame = bytes(buffer[:end])
            del buffer[:end]
            told.append(self._frame(frame, at_s, sent=sent, sound=sound))
        return told

    def _frame(self, octets: bytes, at_s: float, *, sent: bool, sound: bool) -> Frame:
        gap_s = max(at_s - self._end_s, 0.0) if self._end_s else 0.0
        self._end_s = at_s
        if not sound:
            return Frame("garbage", octets, None, b"", at_s, gap_s)
        frame = Frame("request", octets, octets[6], octets[7:], at_s, gap_s)
        return self._asked(frame) if sent else self._answered(frame)

    def _asked(self, frame: Frame) -> Frame:
        self._open[frame.octets[:2]] = frame
        while len(self._open) > _OPEN_MOST:
            del self._open[next(iter(self._open))]
        return frame

    def _answered(self, frame: Frame) -> Frame:
        request = self._open.pop(frame.octets[:2], None)
        function = frame.pdu[0] & ~REFUSED if frame.pdu else None
        if request is None or request.unit != frame.unit or not request.pdu or request.pdu[0] != function:
            return replace(frame, verdict="orphan")
        verdict: Verdict = "exception" if frame.pdu[0] & REFUSED else "reply"
        return replace(frame, verdict=verdict, request=request)

"""Where one Modbus TCP frame ends and the next begins, to step over a reply that is not ours."""

from __future__ import annotations

from agent.bus.link import LinkError

_HEAD_BYTES = 6
_LONGEST_BYTES = 254
_RECENT_TURNS = 1000


class ReplyStream:
    """The bytes of one connection that were received and not yet understood."""

    __slots__ = ("_skip", "buffer")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self._skip = 0

    def add(self, octets: bytes) -> None:
        """Append what was received, except what belongs to a frame stepped over before."""
        skipped = min(self._skip, len(octets))
        self._skip -= skipped
        self.buffer += octets[skipped:] if skipped else octets

    def follows(self, turn: int) -> bool:
        """True when the first frame carries the number of a recent ask, up to that of `turn`."""
        return (turn - int.from_bytes(self.buffer[:2], "big")) & 0xFFFF < _RECENT_TURNS

    def step_over(self) -> bool:
        """Drop the first frame, also when its rest is still to come; False when not even its length is known.

        Raises LinkError when this is no Modbus TCP: the connection cannot be brought into step again
        (MODBUS Messaging on TCP/IP V1.0b, 3.1.3: protocol 0, length at most 254).
        """
        buffer = self.buffer
        if len(buffer) < _HEAD_BYTES:
            return False
        length = int.from_bytes(buffer[4:6], "big")
        if buffer[2] or buffer[3] or not 2 <= length <= _LONGEST_BYTES:
            raise LinkError("the device does not speak Modbus TCP")
        self._skip = max(_HEAD_BYTES + length - len(buffer), 0)
        del buffer[: _HEAD_BYTES + length]
        return True

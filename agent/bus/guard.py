"""The last gate before a wire: only reads leave, whatever a driver, a profile or a bug may have made."""

from __future__ import annotations

from drivers.modbus_frames import Framing, is_read_request


class ForbiddenFrameError(Exception):
    """Something other than a read request was about to be sent: a bug. Nothing was sent."""


def check_outgoing(frame: bytes, framing: Framing) -> None:
    """Return when `frame` is exactly one read request, else raise ForbiddenFrameError."""
    if not is_read_request(frame, framing):
        raise ForbiddenFrameError(f"not a read: {frame[:32].hex(' ')}")

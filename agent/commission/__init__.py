"""What a technician does before a device stands in the settings: find ports, find units, find numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers import Value
from drivers.modbus_frames import Read


class NoValueError(Exception):
    """A read brought nothing; `reason` as of `agent.bus.Missed`, or one of the control socket's."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class ComplaintError(Exception):
    """What the technician asked for cannot be done: a code of the texts, its values, and the exit code."""

    def __init__(self, code: str, status: int = 1, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.values = values


Reader = Callable[[Read], Sequence[Value]]
"""One read, and the registers or bits it brought. Raises NoValueError."""

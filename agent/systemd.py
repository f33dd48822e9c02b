"""What systemd is told, by its notify socket (sd_notify(3)): ready, status, watchdog, stopping."""

from __future__ import annotations

import os
import socket


class Notify:
    """The notify socket of the service, or nothing at all when systemd did not start us."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls) -> Notify:
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(line.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            # A full or vanished notify socket must not stop the counting; a missed watchdog speaks for itself.
            return

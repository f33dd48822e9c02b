"""A panel of contacts and gauges behind a Modbus TCP port, for tests that press a button."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType

from stations import Station


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        panel = self.server
        assert isinstance(panel, _Server)
        while len(header := self.rfile.read(7)) == 7:
            pdu = self.rfile.read(int.from_bytes(header[4:6], "big") - 1)
            reply = None if panel.silent.is_set() else panel.station.answer(pdu)
            if reply is not None:
                self.wfile.write(header[:4] + (len(reply) + 1).to_bytes(2, "big") + header[6:7] + reply)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, station: Station) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.station = station
        self.silent = threading.Event()


class Panel:
    """Sixteen contacts (discrete inputs) and eight gauges (input registers), all 0 at first."""

    def __init__(self) -> None:
        self.bits, self.gauges = [0] * 16, [0] * 8
        self._server = _Server(Station({"discrete": self.bits, "input": self.gauges}))
        self.port = int(self._server.server_address[1])

    def hush(self, *, silent: bool = True) -> None:
        """Answer no more, or again."""
        (self._server.silent.set if silent else self._server.silent.clear)()

    def __enter__(self) -> Panel:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

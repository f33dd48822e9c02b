"""A publisher over a real spool, for tests: commits messages, waits for what becomes of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

from agent.clock import boot_seconds
from agent.uplink.backoff import Backoff
from agent.uplink.contract import Identity, Message
from agent.uplink.credentials import Login
from agent.uplink.publisher import Publisher
from agent.uplink.search import named
from agent.uplink.session import Pace
from agent.uplink.spool import Spool
from config.uplink_settings import Bureau, Tls

EPOCH = "7-abcdef"
IDENTITY = Identity("44", "4401", "gz-baiyun", "gz-baiyun-test", 7, EPOCH, "0.1.0", "cfg8")
BASE_SID = 7 * 65_536
EAGER = Pace(backlog_per_s=1e6)
WAIT_S = 60.0
"""Only what hangs takes so long, on the busiest machine."""


def eventually(predicate: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
    """For what announces itself by no event."""
    pause, until_s = threading.Event(), boot_seconds() + timeout_s
    while not predicate():
        if boot_seconds() > until_s:
            return False
        pause.wait(0.005)
    return True


def assert_in_order(directory: Path) -> None:
    """The messages in the spool of an agent that is gone stand in the order of their numbers."""
    spool = Spool.open(directory, 16 << 20)
    records = spool.read(0, 100_000, 1 << 30)
    spool.close()
    identities = [named(record) for _, record in records if Message.decode(record).payload]
    assert identities
    assert identities == sorted(identities)


def telemetry(seq: int, line: str = "north", pad: int = 0) -> Message:
    """A message whose counter `eye.di0` has the total `seq`."""
    fields = {"epoch": EPOCH, "seq": seq, "counts": {"eye.di0": [1, seq, seq, seq]}, "pad": "x" * pad}
    return Message(f"line/{line}/telemetry", json.dumps(fields).encode())


class Rig:
    """The uplink of one site. The back-off is none, so that tests wait for events only."""

    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: Tls | None = None,
        login: Login | None = None,
        pace: Pace = EAGER,
        retained: Sequence[Message] = (),
        identity: Identity = IDENTITY,
        receipts: bool = False,
        spool_bytes: int = 16 << 20,
    ) -> None:
        self.spool = Spool.open(directory / "spool", spool_bytes)
        self.port = port
        self.seq = 0
        bureau = Bureau(host, port, tls, login.username if login else None, None, None, 10.0, receipts)
        self.publisher = Publisher(
            bureau,
            identity,
            self.spool,
            lambda: (self.spool.next_position, retained),
            lambda _: login,
            pace,
            Backoff(lambda _low, _high: 0.02),
        )

    def commit(self, count: int = 1, *, line: str = "north", pad: int = 0) -> None:
        """So many telemetry messages more, in one frame."""
        self.seq += count
        self.put(telemetry(seq, line, pad) for seq in range(self.seq - count + 1, self.seq + 1))

    def put(self, messages: Iterable[Message]) -> None:
        self.spool.commit([message.encode() for message in messages], b"state")
        self.publisher.wake()

    def drained(self, timeout_s: float = WAIT_S) -> bool:
        """Whether everything committed comes to be acknowledged."""
        return eventually(lambda: self.spool.acked == self.spool.next_position, timeout_s)

    def connected(self) -> bool:
        return eventually(lambda: self.publisher.status().connected)

    def __enter__(self) -> Rig:
        self.publisher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.publisher.stop(2.0)
        self.spool.close()
        books = self.spool.books()
        assert books.residual == 0, books

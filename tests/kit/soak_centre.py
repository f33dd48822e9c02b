"""The bureau's end of a soak: the reference consumer as a process with a store that is the record, killed at will."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.bureau import databases
from agent.bureau.store import Hole, Store
from agent.load.reckoning import Reckoning

SITE = "44/4401/gz-baiyun"
RECEIPT_EVERY, RESEND_AFTER = "2s", "4s"


@dataclass
class Held:
    """What the store holds in the end; `gaps` are messages that nobody has explained."""

    messages: int
    gaps: list[Hole]
    gone: int
    conflicts: int
    totals: Mapping[str, Reckoning]


class Centre:
    """`hubpulse bureau run --receipts`: sites free what it has and are asked for what it has not."""

    def __init__(self, folder: Path, port: int) -> None:
        self._address = f"sqlite:{folder / 'bureau.db'}"
        self._log = (folder / "bureau.log").open("ab")
        words = ["--port", str(port), "--store", self._address, "--name", "soak", "--receipts", "--json"]
        words += ["--receipt-every", RECEIPT_EVERY, "--resend-after", RESEND_AFTER]
        self._command = [sys.executable, "-m", "agent", "bureau", "run", *words]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=self._log)

    def kill(self) -> None:
        """With -9, and begin anew. Where the broker is away it does not start: `keep_alive` tries again."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def keep_alive(self) -> None:
        """As systemd would."""
        if self._process.poll() is not None:
            self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def held(self) -> Held:
        """What it has by now."""
        store = databases.opener(self._address)()
        try:
            return _held(store)
        finally:
            store.close()


def _held(store: Store) -> Held:
    gone = sum(one.last - one.first + 1 for _, one in store.gone())
    totals = store.totals().get(SITE, {})
    return Held(sum(store.messages().values()), store.settle(), gone, len(store.conflicts()), totals)

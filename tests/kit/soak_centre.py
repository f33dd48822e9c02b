"""The bureau's end of a soak: the reference consumer as a process with a store that is the record, killed at will."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from units import bureau_environment

from agent.bureau import databases
from agent.bureau.store import Hole, Store
from agent.load.reckoning import Reckoning

SITE = "44/4401/gz-baiyun"
Identity = tuple[str, int]
"""An epoch and a number in it."""
RECEIPT_EVERY, RESEND_AFTER = "2s", "4s"


@dataclass
class Held:
    """What the store holds in the end; `gaps` are messages that nobody has explained.

    Number by number: `gone_but_here` are said to be gone and have arrived, `unknown` stand in the site's spool, and
    the bureau neither has them nor knows that they are missing or gone.
    """

    messages: int
    gaps: list[Hole]
    gone: int
    gone_but_here: int
    unknown: int
    conflicts: int
    totals: Mapping[str, Reckoning]

    @property
    def is_whole(self) -> bool:
        """Each message is here, or known to be gone, and never both."""
        return not self.gaps and not self.gone_but_here and not self.unknown and not self.conflicts


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
        environment = {**os.environ, **bureau_environment()}
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=self._log, env=environment)

    @property
    def pid(self) -> int:
        return self._process.pid

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

    def held(self, spooled: Collection[Identity] = ()) -> Held:
        """What it has by now of the messages that stand in the site's spool, and of all others."""
        store = databases.opener(self._address)()
        try:
            return _held(store, spooled)
        finally:
            store.close()


def _held(store: Store, spooled: Collection[Identity]) -> Held:
    here = set(store.placed(SITE))
    gone = [(one.epoch, seq) for _, one in store.gone() for seq in range(one.first, one.last + 1)]
    gaps = store.missing()
    missing = {(hole.epoch, seq) for hole in gaps for first, last in hole.gaps for seq in range(first, last + 1)}
    return Held(
        messages=len(here),
        gaps=gaps,
        gone=len(gone),
        gone_but_here=len(here.intersection(gone)),
        unknown=len(set(spooled) - here - missing - set(gone)),
        conflicts=len(store.conflicts()),
        totals=store.totals().get(SITE, {}),
    )

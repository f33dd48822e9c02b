"""What befalls a process from its machine: a clock that is wrong, a pause, a starved processor."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
CAN_BE_WRONG = bool(_LIBRARIES)
"""Without libfaketime every clock stays right."""
_SHARED = Path("/dev/shm")
SLICE_S = 0.1
RIGHT = "+0"
WRONG = ("@1970-01-02 00:00:00", "-3600", "+3600", "-86400", "+86400", "+0 x1.0005")
"""What libfaketime is told: 1970, an hour and a day either way, and a clock that runs 500 ppm fast."""
ZONES = ("UTC", "Asia/Shanghai", "America/New_York")


class WallClock:
    """The wall clock of processes started with `environment`; the boot clock stays true, as it does on a machine."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self._zone = 0
        self.say(RIGHT)

    def say(self, what: str) -> None:
        """From now on the wall clock says that. The file changes at once, whole."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{what}\n")
        fresh.rename(self._file)

    def environment(self) -> Mapping[str, str]:
        """Of the next process: each lives in another zone. Without libfaketime the clock stays right."""
        self._zone += 1
        zone = {"TZ": ZONES[self._zone % len(ZONES)]}
        if not _LIBRARIES:
            return {**os.environ, **zone}
        fake = {"LD_PRELOAD": str(_LIBRARIES[-1]), "FAKETIME_TIMESTAMP_FILE": str(self._file)}
        return {**os.environ, **zone, **fake, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def forget(pid: int) -> None:
    """Take away what libfaketime leaves in shared memory when its process is killed."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (_SHARED / name).unlink(missing_ok=True)


@contextmanager
def starved(process: subprocess.Popen[bytes], share: float) -> Iterator[None]:
    """Let a process run for that share of the time only."""
    over = threading.Event()

    def starve() -> None:
        while not over.wait(share * SLICE_S) and process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            over.wait((1.0 - share) * SLICE_S)
            process.send_signal(signal.SIGCONT)

    starving = threading.Thread(target=starve, daemon=True)
    starving.start()
    try:
        yield
    finally:
        over.set()
        starving.join()

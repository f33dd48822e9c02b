"""The beat: each second it hears every wire, advances the load, reports what is due, and vouches for all threads."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Protocol

from agent import clock, log
from agent.bus import Owner
from agent.footprint import Sweep
from agent.intake import Intake
from agent.load.instant import Instant
from agent.report.reporter import BEAT_S, Reporter
from agent.systemd import Notify

FIRST_BEATS_S = 0.1
FIRST_BEATS = 10
"""The first beats are quicker: the bureau shall not wait a second more for the first answers."""

REST_S = 0.3
"""So long after a beat its messages mostly are sent and acknowledged: what that took can be given back."""

STUCK_S = 10.0
"""An owner that did not go round its loop for this long is stuck; systemd then restarts us."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Alive(Protocol):
    """Anything whose thread must make progress."""

    @property
    def name(self) -> str: ...

    @property
    def progress_s(self) -> float: ...


class Beat:
    """The main thread. It alone writes load, baselines and spool."""

    def __init__(
        self, owners: Sequence[Owner], alive: Sequence[Alive], intake: Intake, reporter: Reporter, notify: Notify
    ) -> None:
        self._owners = owners
        self._alive = alive
        self._intake = intake
        self._reporter = reporter
        self._notify = notify
        self._stuck: frozenset[str] = frozenset()
        self._sweep = Sweep()

    def run(self) -> signal.Signals:
        """Beat until one of STOP_SIGNALS comes, which is returned; they must be blocked in every thread."""
        due_s = over_s = clock.boot_seconds()
        steps_s = chain(repeat(FIRST_BEATS_S, FIRST_BEATS), repeat(BEAT_S))
        while (stop := _wait_until(due_s)) is None:
            now = clock.now()
            self._reporter.late(now.boot_s - due_s)
            self.tick(now)
            due_s, over_s = max(due_s, over_s) + next(steps_s), clock.boot_seconds()
            if (stop := _wait_until(min(over_s + REST_S, due_s))) is not None:
                break
            self._sweep.advance(clock.boot_seconds())
        return stop

    def tick(self, now: Instant) -> None:
        """One beat at `now`."""
        for owner in self._owners:
            for outcome in owner.take():
                self._intake.hear(outcome, now)
        self._intake.retry(now.boot_s)
        self._reporter.advance(now)
        self._watch(now.boot_s)

    def finish(self, now: Instant) -> None:
        """The last beat: what the wires said until the end is reported and made durable."""
        for owner in self._owners:
            for outcome in owner.take():
                self._intake.hear(outcome, now)
        self._reporter.finish(now)

    def _watch(self, now_s: float) -> None:
        stuck = frozenset(one.name for one in self._alive if now_s - one.progress_s > STUCK_S)
        if stuck != self._stuck:
            log.warn("stuck" if stuck else "unstuck", threads=",".join(sorted(stuck or self._stuck)))
            self._stuck = stuck
        if not stuck:
            self._notify.watchdog()


def block_stop_signals() -> None:
    """Keep STOP_SIGNALS for `Beat.run`; threads started later inherit that. A hang-up means nothing to a daemon."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _wait_until(due_s: float) -> signal.Signals | None:
    caught = signal.sigtimedwait(STOP_SIGNALS, max(0.0, due_s - clock.boot_seconds()))
    # Where a stop (SIGSTOP) outlasted the wait CPython 3.11 gives a signal that is none: what the memory held.
    return signal.Signals(caught.si_signo) if caught is not None and caught.si_signo in STOP_SIGNALS else None

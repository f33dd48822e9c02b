"""One input, believed after it has held for its time: on, off, or unknown; a silence is never a calm one."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from config.input_settings import Input

State = Literal["on", "off", "unknown"]
STATES: tuple[State, ...] = get_args(State)


class Change(NamedTuple):
    """The input is in another state; the boot-clock second at which that was first seen, and a gauge's value."""

    before: State
    after: State
    onset_s: float
    value: float | None


class Signal:
    """Hears samples, tells changes. `state` outlives a restart: until the first sample it is as it was, not `proven`.

    A sample that differs must be followed by none that does not for `on_s` or `off_s`; a gap of `patience_s` makes
    the input unknown. After that, and at first, what it was before is believed at once, as is that nothing is wrong
    where nothing was.
    """

    __slots__ = (
        "_heard_s",
        "_last",
        "_onset_s",
        "_patience_s",
        "_pending",
        "input",
        "proven",
        "since_s",
        "state",
        "value",
    )

    def __init__(self, of: Input, patience_s: float, now_s: float) -> None:
        self.input = of
        self.state: State = "unknown"
        self.since_s = now_s
        self.value: float | None = None
        self.proven = False
        self._patience_s = patience_s
        self._heard_s = now_s
        self._last: State = "off"
        self._pending: State | None = None
        self._onset_s = now_s

    def hear(self, value: float | bool | None, at_s: float) -> Change | None:
        """Take a sample of boot-clock second `at_s`; None is a read that gave no value, and like none at all."""
        if value is None:
            return None
        silent = at_s - self._heard_s > self._patience_s
        self._heard_s, self.proven = at_s, True
        self.value = None if isinstance(value, bool) else float(value)
        seen = self._seen(value)
        if seen == self.state:
            self._pending = None
            return None
        if self._pending != seen or silent:
            self._pending, self._onset_s = seen, at_s
        hold_s = 0.0 if seen == self._last else self.input.on_s if seen == "on" else self.input.off_s
        return self._become(seen, self._onset_s) if at_s - self._onset_s >= hold_s else None

    def advance(self, now_s: float) -> Change | None:
        """Notice that nothing was heard for too long."""
        if self.state == "unknown" or now_s - self._heard_s <= self._patience_s:
            return None
        self._pending, self.value = None, None
        return self._become("unknown", self._heard_s)

    def _seen(self, value: float | bool) -> State:
        limit = self.input.limit
        if limit is None:
            return "on" if bool(value) == self.input.active else "off"
        side = 1.0 if limit.above else -1.0
        if self._last == "on" and limit.off != limit.on:
            return "on" if side * value > side * limit.off else "off"
        return "on" if side * value >= side * limit.on else "off"

    def _become(self, state: State, onset_s: float) -> Change:
        before, self.state, self.since_s, self._pending = self.state, state, onset_s, None
        if state != "unknown":
            self._last = state
        return Change(before, state, onset_s, self.value)

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        return [self.state, self.since_s, self._last]

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours; ValueError, and nothing
        changed, for anything else."""
        if not isinstance(kept, list) or len(kept) != 3 or kept[0] not in STATES or kept[2] not in ("on", "off"):
            raise ValueError("no state of an input")
        if isinstance(kept[1], bool) or not isinstance(kept[1], int | float):
            raise ValueError("no state of an input")
        self.state, self.since_s, self._last = kept[0], kept[1] + shift_s, kept[2]

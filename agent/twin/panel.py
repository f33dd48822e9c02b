"""What a site's contacts and gauges say on a day: each follows what happens, for the script alone decides that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.twin.script import Script, What
from config.input_settings import Input, InputKind, Limit

_SHOWS: Mapping[InputKind, tuple[What, ...]] = {
    "jam": ("jam",),
    "estop": ("estop",),
    "chute_full": ("chute_full",),
    "motor_fault": ("motor_fault",),
    "mains": ("mains",),
    "ups": ("on_battery",),
    "water": ("flood",),
    "rain": ("storm",),
    "wind": ("storm",),
}
"""What each kind of input is there for; doors stay shut, nothing burns."""

OF_A_LINE: tuple[What, ...] = ("stop", "jam", "estop", "chute_full", "motor_fault")
"""What happens to the first line alone."""


class Panel:
    """The inputs of a site whose lines are `lines`, on the day of `script`."""

    def __init__(self, script: Script, lines: Sequence[str]) -> None:
        self._script = script
        self._first = lines[0] if lines else ""
        self._brings = {
            (kind, mine): self._on(what, mine=mine) for kind, what in _SHOWS.items() for mine in (True, False)
        }

    def _on(self, kinds: Sequence[What], *, mine: bool) -> Sequence[What]:
        """Those that this day brings to the first line or to another one."""
        there: Iterator[What] = (one.what for one in self._script.of(*kinds))
        return [one for one in there if mine or one not in OF_A_LINE]

    def runs(self, line: str, at_s: float) -> bool:
        """Whether that line is switched on and has power; one that is jammed runs."""
        return not self._script.holds(at_s, *(("stop", "mains") if line == self._first else ("mains",)))

    def strength(self, of: Input, at_s: float) -> float:
        """From 0 to 1, how much there is of what the input tells."""
        if of.kind == "run":
            return float(self.runs(of.line, at_s))
        what = self._brings.get((of.kind, of.line in {"", self._first}))
        return self._script.strength(at_s, *what) if what else 0.0

    def shows(self, of: Input, at_s: float) -> float:
        """What its point shows: a bit as 0 or 1, a gauge as its scaled value."""
        strength = self.strength(of, at_s)
        if of.limit is None:
            return float((strength >= 0.5) == of.active)
        return reading(of.limit, strength)


def reading(limit: Limit, strength: float) -> float:
    """A gauge between a calm value, well on the right side of its limits, and one as far beyond them."""
    side = 1.0 if limit.above else -1.0
    margin = max(abs(limit.on - limit.off), 0.2 * abs(limit.on), 1.0)
    calm, height = limit.off - side * margin, limit.on + side * margin
    return calm + strength * (height - calm)

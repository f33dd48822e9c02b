"""Who is on a line: every unit asked at every setting, the likely first, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

FIRST = tuple(range(1, 17))
REST = tuple(range(17, 248))
"""The units of a serial line (MODBUS over Serial Line V1.02, 2.2)."""

_ABSENT = frozenset({"timeout", "echo", "link_down", "exception_10", "exception_11"})
"""A gateway refuses with 10 and 11 for a device that is not there."""

Setting = TypeVar("Setting")

Asker = Callable[[int], str]
"""Asks one unit; tells `answers`, or why no value came (`late`: it came too late to be believed)."""


def is_there(reason: str) -> bool:
    """Whether a unit is there of which that is known: a refusal is an answer too, and so is one that comes too late."""
    return reason in ("answers", "late") or (reason.startswith("exception") and reason not in _ABSENT)


@dataclass(frozen=True, slots=True)
class Step(Generic[Setting]):
    """One unit was asked at one setting. `left` is how many such steps are still to come at most."""

    setting: Setting
    unit: int
    reason: str
    left: int

    @property
    def present(self) -> bool:
        """Whether somebody is there who understood."""
        return is_there(self.reason)

    @property
    def garbled(self) -> bool:
        """Whether something came that makes no sense at this setting."""
        return not self.present and self.reason not in _ABSENT


class Sweep(Generic[Setting]):
    """Goes through `settings` with the `first` units, then with the `rest`, beginning where somebody was found.

    `found` is the setting and the reason by unit; nobody is asked again who was found.
    """

    def __init__(self, settings: Sequence[Setting], first: Sequence[int], rest: Sequence[int] = ()) -> None:
        self.found: dict[int, Step[Setting]] = {}
        self._settings = settings
        self._first = first
        self._rest = rest

    def run(self, at: Callable[[Setting], AbstractContextManager[Asker]]) -> Iterator[Step[Setting]]:
        """Every step as it is done; `at` sets the line up. To stop early, ask for no more."""
        yield from self._pass(at, self._settings, self._first, len(self._settings) * len(self._rest))
        if self._rest:
            known = {step.setting for step in self.found.values()}
            yield from self._pass(at, sorted(self._settings, key=lambda one: one not in known), self._rest, 0)

    def _pass(
        self,
        at: Callable[[Setting], AbstractContextManager[Asker]],
        settings: Sequence[Setting],
        units: Sequence[int],
        later: int,
    ) -> Iterator[Step[Setting]]:
        """All of `units` that are not found yet, at each setting; `later` steps come after that."""
        for behind, setting in zip(reversed(range(len(settings))), settings, strict=True):
            todo = [unit for unit in units if unit not in self.found]
            unfound = len(todo)
            with at(setting) as ask:
                for here, unit in zip(reversed(range(len(todo))), todo, strict=True):
                    reason = ask(unit)
                    step = Step(setting, unit, reason, 0)
                    unfound -= step.present
                    step = Step(setting, unit, reason, here + behind * unfound + later)
                    if step.present:
                        self.found[unit] = step
                    yield step


class Pace:
    """How long the rest of a sweep takes: whoever is away costs the whole patience, and most of those to come are."""

    def __init__(self, patience_s: float, began_s: float) -> None:
        self._away_s = patience_s
        self._away = 0
        self._last_s = began_s

    def left_s(self, step: Step[Setting], now_s: float) -> float:
        """What is left after `step`, which was done at `now_s`."""
        took_s, self._last_s = now_s - self._last_s, now_s
        if not step.present:
            self._away += 1
            self._away_s += (took_s - self._away_s) / self._away
        return step.left * self._away_s

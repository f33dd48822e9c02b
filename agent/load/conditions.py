"""What is known of a line or site besides its counters when it is judged: the mode, whether it runs, a suspension."""

from __future__ import annotations

from dataclasses import dataclass

from config.load_settings import Mode


@dataclass(frozen=True, slots=True)
class Conditions:
    """How things stand at one moment. `run` None: no input tells. `jammed`: an input says that nothing gets through.
    `suspended` is why the site does not work, "" where it does. `plan` and `capacity_pph` are those of an active plan.
    `exercise`: what was ordered is a drill.
    """

    mode: Mode = "normal"
    run: bool | None = None
    suspended: str = ""
    plan: str = ""
    capacity_pph: float | None = None
    jammed: bool = False
    exercise: bool = False


ORDINARY = Conditions()

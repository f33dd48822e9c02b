"""One thing drawn in several widths: what a terminal shows is the widest drawing that fits it, down to a phone's."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement

_UNBOUNDED = 10_000


@dataclass(frozen=True, slots=True)
class FirstThatFits:
    """The first of `drawings` (the widest stands first) that needs no more columns than there are, else the last."""

    drawings: tuple[RenderableType, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(max_width=_UNBOUNDED)
        for drawing in self.drawings[:-1]:
            if Measurement.get(console, free, drawing).maximum <= options.max_width:
                yield drawing
                return
        yield self.drawings[-1]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.drawings[0])

"""Where the moments of a demo go: a live screen on a terminal, a line now and then elsewhere, or nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from agent.twin.screen import Screen
from agent.twin.show import Moment

FRAME_S = 0.25
LINE_S = 2.0

Now = Callable[[], Moment]
Ended = Callable[[], bool]


def show_until(now: Now, ended: Ended, screen: Screen | None) -> Moment:
    """Show moment after moment until `ended`; the last one is returned. Without a screen nothing is shown."""
    console = Console()
    if screen is None:
        return _run(now, ended, lambda _: None)
    if not console.is_terminal or console.is_dumb_terminal:
        return _run(now, ended, _lines(screen))
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        return _run(now, ended, lambda seen: live.update(screen.fitted(seen), refresh=True))


def _run(now: Now, ended: Ended, show: Callable[[Moment], None]) -> Moment:
    while True:
        seen = now()
        show(seen)
        if ended():
            return seen
        time.sleep(FRAME_S)


def _lines(screen: Screen) -> Callable[[Moment], None]:
    due_s = 0.0

    def show(seen: Moment) -> None:
        nonlocal due_s
        if seen.at_s >= due_s:
            due_s = seen.at_s + LINE_S
            print(screen.plain(seen), flush=True)  # noqa: T201, this is what it is for

    return show

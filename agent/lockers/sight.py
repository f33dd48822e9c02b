"""What is known of lockers now, for people: from the running agent, or read from the line itself when none runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from agent import clock
from agent.bus import Answered, LinkChanged, Missed
from agent.bus.link import LinkError
from agent.commission import ComplaintError
from agent.commission.wires import complaint_of
from agent.control import ControlError
from agent.control.remote import Remote
from agent.lockers.site import SiteLockers
from agent.owners import owner_of_boards
from config.bus_settings import Bus
from config.locker_settings import Locker
from drivers import Told

Json = Mapping[str, Any]


class Sight(Protocol):
    """Looks at lockers. `look` gives `{"lockers": {id: [compartment]}, "boards": {id: {"heard_s", "said"}}}`.

    Raises ComplaintError where nothing can be seen.
    """

    def look(self) -> Json: ...

    def close(self) -> None: ...


class AgentsSight:
    """What the agent that listens on `socket` sees. Raises OSError where none does."""

    def __init__(self, socket: Path) -> None:
        self._agent = Remote(socket)

    def look(self) -> Json:
        """What it knows at this moment."""
        try:
            return self._agent.ask("lockers")
        except (ControlError, OSError) as fault:
            raise ComplaintError("E2537", reason=fault) from fault

    def close(self) -> None:
        """Hang up."""
        self._agent.close()


class OwnSight:
    """Reads the boards of `lockers` on their `buses` as an agent does, for as long as somebody looks."""

    def __init__(self, lockers: Sequence[Locker], buses: Sequence[Bus]) -> None:
        self._lockers = SiteLockers(lockers, clock.boot_seconds())
        lines, asking = self._lockers.lines, self._lockers.asking
        self._buses = {bus.id: bus for bus in buses}
        self._owners = [
            owner_of_boards(bus, lines[bus.id], [one for one in asking if one[0].bus == bus.id])
            for bus in buses
            if bus.id in lines
        ]
        for owner in self._owners:
            owner.start()

    def look(self) -> Json:
        """What was read until now."""
        for owner in self._owners:
            for outcome in owner.take():
                match outcome:
                    case LinkChanged():
                        self._judge(outcome)
                    case Answered() | Missed() | Told() if self._lockers.hear(outcome):
                        owner.hurry(outcome.device)
        self._lockers.advance(clock.now())
        return self._lockers.told(clock.boot_seconds())

    def _judge(self, changed: LinkChanged) -> None:
        if not changed.up:
            raise complaint_of(self._buses[changed.bus], LinkError(changed.reason))

    def close(self) -> None:
        """Let the lines go."""
        for owner in self._owners:
            owner.stop()

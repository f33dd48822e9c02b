"""The other end of the control socket, for the verbs: asks the running agent, or listens through its ears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.bus.ear import Heard
from agent.control import ControlError
from agent.control.desk import WITHIN_S
from agent.json_talk import Json, JsonTalk


class Remote(JsonTalk):
    """One talk with the agent that listens on `path`. Raises OSError where none does, or it may not be asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, WITHIN_S + 5.0)

    def ask(self, do: str, **words: object) -> Json:
        """One request and its reply. Raises ControlError with the agent's reason, OSError when it is gone."""
        reply = self.exchange({"do": do} | words)
        if "error" in reply:
            raise ControlError(str(reply["error"]), str(reply.get("detail", "")))
        return reply

    def listen(self, bus: str) -> tuple[Json, Iterator[Heard | int]]:
        """How the wire of `bus` is set up, and what goes over it from now on, a number where so many were lost.

        Ends when the agent does. Raises ControlError and OSError as `ask`.
        """
        return self.ask("ear", bus=bus)["bus"], map(_heard, self.rest())


def _heard(said: Json) -> Heard | int:
    if "lost" in said:
        return int(said["lost"])
    return Heard(float(said["at_s"]), bool(said["sent"]), bytes.fromhex(said["hex"]))

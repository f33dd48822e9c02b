"""What the bureau's commands do to the uplink: receipts and resends at once; the rest is kept for the beat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from agent import log
from agent.uplink.contract import Json
from agent.uplink.hearing import Heard
from agent.uplink.inbox import FLOOD, Command, Inbox
from agent.uplink.lanes import Lanes
from agent.uplink.resend import RETAINED
from agent.uplink.shipping import Shipping

KEPT = 64


class Orders:
    """For the uplink's thread, but for `take`. `deaf` are the topics that the broker does not let us hear."""

    def __init__(self, topic: Callable[[str], str], lanes: Lanes, shipping: Shipping) -> None:
        self._inbox = Inbox(topic)
        self._lanes = lanes
        self._shipping = shipping
        self._kept: deque[Command] = deque(maxlen=KEPT)
        self._refused: dict[str, bytes] = {}
        self.deaf: tuple[str, ...] = ()

    @property
    def topics(self) -> Sequence[str]:
        """What to subscribe to."""
        return self._inbox.topics

    @property
    def dropped(self) -> int:
        """Commands that came faster than anybody steers a site."""
        return self._inbox.dropped

    @property
    def is_flooded(self) -> bool:
        """This connection brought so many that it had better end."""
        return self._inbox.excess > FLOOD

    def begin(self) -> None:
        """A new connection."""
        self._inbox.begin()

    def subscribed(self, refused: tuple[str, ...]) -> None:
        """The broker's answer to our subscription."""
        if refused and refused != self.deaf:
            log.warn("commands_denied", topics=",".join(refused))
        self.deaf = refused

    def hear(self, heard: Heard, now_s: float) -> None:
        """Obey that message, or keep it."""
        command = self._inbox.read(heard, now_s)
        if command is None:
            return
        if command.name == "receipt":
            self._receipt(command)
        elif command.name == "resend":
            self._resend(command, heard.payload)
        else:
            self._kept.append(command)

    def _receipt(self, command: Command) -> None:
        """One that cannot be read frees nothing, and the advice of the last that could be stands. It is answered by a
        name of its own: a `receipt` of ours is a question to the bureau."""
        if command.fault:
            self._refuse("receipt_refused", command.fault, command.fault.encode())
            return
        self._refused.pop("receipt_refused", None)
        self._lanes.received(_watermarks(command.fields))
        self._shipping.advise(command.fields.get("backlog_per_s"))

    def _resend(self, command: Command, payload: bytes) -> None:
        """What is missed changes with the hour: a request that a broker keeps would come outdated each time."""
        if command.retained:
            self._refuse("resend", RETAINED, payload)
        else:
            self._lanes.resends.ask(command.fields, command.fault)

    def _refuse(self, cmd: str, reason: str, mark: bytes) -> None:
        """Said once of what comes again and again with the same mark: each answer moves the next receipt."""
        if self._refused.get(cmd) != mark:
            self._refused[cmd] = mark
            self._lanes.resends.refuse(reason, cmd)
            log.warn("bureau_refused", cmd=cmd, reason=reason)

    def take(self) -> Sequence[Command]:
        """What was kept since the last call, oldest first."""
        return [self._kept.popleft() for _ in range(len(self._kept))]


def _watermarks(fields: Json) -> Mapping[str, int]:
    """By epoch the number that a receipt names; what is none is left out."""
    epochs = fields.get("epochs")
    named = epochs.items() if isinstance(epochs, dict) else ()
    return {epoch: seq for epoch, seq in named if type(seq) is int and seq > 0}

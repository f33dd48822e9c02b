"""How the uplink is, as people and the health topic are told."""

from __future__ import annotations

from dataclasses import dataclass

from agent.uplink.dialect import Version


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """How the uplink is now. `since_s` is on the boot-time clock; `reason` says why there is no connection.

    `live`, `in_flight` and `backlog` count spool messages: yet unsent, unacknowledged on the wire, and older ones.
    `set_aside` counts messages that were given up since the start; the spool's books count them as corrupt, for good.
    `denied` are topics the broker refuses; `no_subscribers` means that it takes messages that nobody listens to.
    `deaf` are commands that it does not let us hear, `commands_dropped` came faster than anybody steers a site.
    """

    connected: bool
    since_s: float
    protocol: Version | None
    reason: str
    in_flight: int
    backlog: int
    live: int
    sid: int
    denied: tuple[str, ...]
    set_aside: int
    no_subscribers: bool
    duplicate_identity: bool
    reconnects: int
    deaf: tuple[str, ...] = ()
    commands_dropped: int = 0

"""What a resend sends, taken as the uplink takes it."""

from __future__ import annotations

from agent.uplink.contract import Message
from agent.uplink.resend import Resends


def all_sent(resends: Resends) -> list[Message]:
    """Everything that is to be sent again, each acknowledged at once."""
    found = []
    while (one := resends.next()) is not None:
        found.append(one[1])
        resends.sent(one[0])
    return found

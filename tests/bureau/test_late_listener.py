"""Who listens late misses nothing of what was published before; what is lost afterwards is missing."""

from __future__ import annotations

import json

from agent.bureau.view import View


def heard(view: View, seq: int, *, retained: bool = False, hist: bool = False) -> None:
    fields = {"epoch": "1-abcdef", "seq": seq} | ({"hist": True} if hist else {})
    topic = "hubpulse/v1/44/4401/gz-baiyun/line/north/telemetry"
    assert view.hear(topic, json.dumps(fields).encode(), retained=retained)


def test_only_what_is_lost_after_the_first_live_message_is_missing() -> None:
    view = View()
    heard(view, 3, retained=True)
    heard(view, 10, hist=True)
    heard(view, 50)
    site = view.site("gz-baiyun")
    assert site.missing == 0
    heard(view, 53)
    assert site.missing == 2
    assert site.totals.gaps() == {"1-abcdef": [(1, 2), (4, 9), (11, 49), (51, 52)]}

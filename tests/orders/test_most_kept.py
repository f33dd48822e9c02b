"""What is kept of orders and alarms at their bounds fits into the smallest spool that passes the check."""

from __future__ import annotations

import json

from agent.inputs.alarms import MOST_RECORDS, Alarm, Alarms
from agent.load.instant import Instant
from agent.orders.book import MOST_SEEN, MOST_STANDING, Book
from agent.orders.order import LONGEST_BY, LONGEST_NOTE, ModeOrder, PlanOrder
from config.conflicts import ALARMS_BYTES, ORDERS_BYTES

NOW_MS = 1_800_000_000_000
AT = Instant("b" * 36, 100.0, NOW_MS / 1000, "ntp")
BY, NOTE, ID = "张" * LONGEST_BY, "文" * LONGEST_NOTE, "i" * 32


def size_bytes(kept: object) -> int:
    return len(json.dumps(kept, separators=(",", ":")))


def test_orders_at_their_bound_fit_into_what_the_spool_has_for_them() -> None:
    book = Book()
    for n in range(1, MOST_STANDING + 1):
        window = NOW_MS + 100_000 * n, NOW_MS + 100_000 * n + 1
        plan = PlanOrder(
            BY, ID, "capacity", line=ID, capacity_pph=10_000_000, from_ms=window[0], to_ms=window[1], note=NOTE
        )
        book.take("plan", n, plan, AT)
        book.take("mode", n, ModeOrder(BY, "emergency", from_ms=window[0], to_ms=window[1], note=NOTE), AT)
    for n in range(MOST_SEEN):
        for kind in ("mode", "plan", "baseline", "alarm"):
            book.note(kind, 2**52 + n, "f" * 16)
    kept = book.kept()
    assert len(kept["standing"]) == 2 * MOST_STANDING  # type: ignore[arg-type]
    assert ORDERS_BYTES / 2 < size_bytes(kept) < ORDERS_BYTES


def test_alarms_that_are_over_fit_into_what_the_spool_has_for_them() -> None:
    alarms = Alarms()
    for n in range(MOST_RECORDS + 5):
        name = f"{n:032d}"
        alarms.over.append(Alarm(name, NOW_MS, 123_456.789_012_345, ID, True, True, BY, NOW_MS))
    assert ALARMS_BYTES / 2 < size_bytes(alarms.kept()) < ALARMS_BYTES

"""How a run ended is handed on from run to run until somebody has heard it: bounded, and whatever the card holds."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.baselines import Baselines, Ended, Epoch
from agent.uplink.lanes import Lanes
from config.conflicts import UNTOLD_BYTES

EVENTS = st.dictionaries(st.text("abc.", min_size=1, max_size=60), st.integers(1, 1 << 40), max_size=12)
RUNS = st.lists(st.builds(Ended, st.builds(Epoch, st.integers(1, 99), st.just("abcdef")), st.integers(0, 999), EVENTS))
JUNK = st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists, max_leaves=9)


@given(RUNS.map(tuple), EVENTS)
def test_the_newest_runs_are_handed_on_so_many_as_fit_and_the_last_always(
    runs: tuple[Ended, ...], events: dict[str, int]
) -> None:
    past = Baselines(Epoch(100, "abcdef"), 7, untold=runs, events=events)
    every, told = (*runs, Ended(Epoch(100, "abcdef"), 7, events)), past.to_tell
    assert told == every[-len(told) :]
    assert len(told) == 1 or _size_bytes(told) <= UNTOLD_BYTES
    one_more = every[-len(told) - 1 :]
    assert len(told) == len(every) or _size_bytes(one_more) + 8 * len(one_more) > UNTOLD_BYTES
    again = Baselines.decode(Baselines(Epoch(101, "abcdef"), 1, untold=told).encode())
    assert tuple(again.untold) == told


def _size_bytes(runs: Sequence[Ended]) -> int:
    return len(json.dumps([[str(one.epoch), one.seq, one.events] for one in runs], separators=(",", ":")))


@given(JUNK)
def test_what_are_no_runs_on_a_card_are_left_out(junk: object) -> None:
    blob = json.dumps({"form": 1, "epoch": "1-abcdef", "seq": 1, "counters": {}, "untold": junk}).encode()
    assert all(isinstance(one, Ended) for one in Baselines.decode(blob).to_tell)


class NoSpool:
    """A spool with nothing in it."""

    next_position = acked = 0
    is_known = True

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        return []

    look = read

    def next_held(self, position: int) -> int:
        return 0

    def acknowledge(self, upto: int) -> None: ...

    def write_off(self, position: int) -> None: ...


def test_a_run_is_heard_once_the_broker_took_its_meta_or_where_there_are_receipts_the_bureau_has_it() -> None:
    told = Lanes(NoSpool(), epoch="2-abcdef")
    told.taken("status", late=False)
    told.taken("meta", late=True)
    assert not told.is_heard
    told.taken("meta", late=False)
    assert told.is_heard
    receipted = Lanes(NoSpool(), epoch="2-abcdef", by_receipt=True)
    receipted.taken("meta", late=False)
    receipted.received({"1-abcdef": 9})
    assert not receipted.is_heard
    receipted.received({"2-abcdef": 1})
    assert receipted.is_heard

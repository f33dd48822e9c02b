"""The bureau's merge: the same totals from any order, any repeats, any losses; strangers change nothing."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bureau.totals import MAX_INTEGER, Seen, Totals

EPOCHS = ["1-aaaaaa", "2-bbbbbb", "2-cccccc"]


def message(epoch: str = "1-aaaaaa", seq: int = 1, **fields: object) -> dict[str, object]:
    return {"v": 1, "epoch": epoch, "seq": seq, **fields}


def spread(totals: Totals) -> tuple[object, ...]:
    """Everything that was learnt, but for the count of repeats."""
    counts = {name: totals.bases(name) for name in totals.counters}
    return counts, {name: totals.events(name) for name in totals.streams}, totals.gaps(), totals.messages


@st.composite
def messages(draw: st.DrawFn) -> list[dict[str, object]]:
    """What agents may send: cumulative counts of some bases, the interval perhaps unbounded."""
    sent = []
    for _ in range(draw(st.integers(1, 12))):
        lo = draw(st.integers(0, 50))
        total = lo + draw(st.integers(0, 20))
        hi = draw(st.none() | st.integers(total, total + 50))
        counts = {draw(st.sampled_from(["eye-1.di0", "plc.in"])): [draw(st.integers(1, 3)), lo, hi, total]}
        events = {"scans": draw(st.integers(0, 90))}
        sent.append(message(draw(st.sampled_from(EPOCHS)), draw(st.integers(1, 30)), counts=counts, events=events))
    return sent


@given(sent=messages(), seed=st.integers(0, 2**32))
def test_any_order_with_any_repeats_gives_the_same_totals(sent: list[dict[str, object]], seed: int) -> None:
    one, other = Totals(), Totals()
    for each in sent:
        one.merge(each)
    shuffled = sent + random.Random(seed).choices(sent, k=len(sent))
    random.Random(seed).shuffle(shuffled)
    for each in shuffled:
        other.merge(json.dumps(each).encode())
    assert spread(one) == spread(other)


@given(sent=messages())
def test_no_message_ever_lessens_a_total(sent: list[dict[str, object]]) -> None:
    totals = Totals()
    for each in sent:
        before = {name: totals.counted(name) for name in totals.counters}, totals.events("scans")
        totals.merge(each)
        assert all(
            totals.counted(name).lo >= was.lo and totals.counted(name).total >= was.total
            for name, was in before[0].items()
        )
        assert totals.events("scans") >= before[1]
        assert all(totals.counted(name).sound for name in totals.counters)


def test_a_later_message_stands_for_a_lost_one() -> None:
    totals = Totals()
    totals.merge(message(seq=1, counts={"eye-1.di0": [1, 5, 7, 6]}))
    totals.merge(message(seq=3, counts={"eye-1.di0": [1, 20, 24, 21]}))
    assert totals.counted("eye-1.di0") == (20, 24, 21)
    assert totals.gaps() == {"1-aaaaaa": [(2, 2)]}
    totals.merge(message(seq=2, counts={"eye-1.di0": [1, 10, 12, 11]}, hist=True))
    assert totals.counted("eye-1.di0") == (20, 24, 21)
    assert totals.gaps() == {}


def test_a_counters_total_is_the_sum_of_its_bases() -> None:
    totals = Totals()
    totals.merge(message(seq=1, counts={"eye-1.di0": [900, 100, 100, 100]}))
    totals.merge(message(seq=2, counts={"eye-1.di0": [17, 3, 5, 4]}))
    assert totals.counted("eye-1.di0") == (103, 105, 104)


def test_an_interval_once_unbounded_stays_so() -> None:
    totals = Totals()
    totals.merge(message(seq=1, counts={"eye-1.di0": [1, 100, None, 100]}))
    totals.merge(message(seq=2, counts={"eye-1.di0": [1, 101, 110, 105]}))
    assert totals.counted("eye-1.di0") == (101, None, 105)


def test_what_the_agent_counted_is_summed_over_its_epochs() -> None:
    totals = Totals()
    totals.merge(message("1-aaaaaa", 1, events={"scans": 30}))
    totals.merge(message("1-aaaaaa", 2, events={"scans": 45}))
    totals.merge(message("2-bbbbbb", 1, events={"scans": 5}))
    assert totals.events("scans") == 50


@given(st.permutations([(1, 30), (2, 45), (2, 45), (3, 20)]), st.integers(0, 60))
def test_what_an_epoch_had_counted_when_it_ended_is_told_by_the_next_and_counts_once(
    told: list[tuple[int, int]], kept: int
) -> None:
    totals = Totals()
    for seq, counted in told:
        totals.merge(message("1-aaaaaa", seq, events={"scans": counted}))
    for _ in range(2):
        prev = {"epoch": "1-aaaaaa", "seq": 3, "events": {"scans": kept}}
        totals.merge(message("2-bbbbbb", 1, prev=prev, events={"scans": 5}))
    assert totals.events("scans") == max(45, kept) + 5
    with pytest.raises(ValueError, match="epoch"):
        totals.merge(message("2-bbbbbb", 2, prev={"epoch": "1", "events": {"scans": 1}}))
    assert totals.events("scans") == max(45, kept) + 5


def test_repeats_are_counted_and_change_nothing() -> None:
    totals = Totals()
    assert totals.merge(message(counts={"eye-1.di0": [1, 5, 5, 5]}))
    assert not totals.merge(message(counts={"eye-1.di0": [1, 5, 5, 5]}))
    assert (totals.messages, totals.duplicates, totals.counted("eye-1.di0").total) == (1, 1, 5)


def test_an_unknown_counter_has_counted_nothing() -> None:
    assert Totals().counted("eye-9.di9") == (0, 0, 0)
    assert Totals().events("scans") == 0


GOOD = {"eye-1.di0": [1, 5, 7, 6]}
STRANGE = [
    [],
    None,
    {},
    message(epoch="1"),
    message(epoch="1-AAAAAA"),
    message(epoch="1-aaaaaa\n"),
    {**message(), "epoch": 1},
    message(seq=0),
    message(seq=-1),
    {**message(), "seq": True},
    {**message(), "seq": 1.0},
    {**message(), "seq": "1"},
    message(seq=MAX_INTEGER),
    message(counts=[]),
    message(counts=None),
    message(counts={**GOOD, "": [1, 0, 0, 0]}),
    message(counts={**GOOD, "a b": [1, 0, 0, 0]}),
    message(counts={**GOOD, "x" * 81: [1, 0, 0, 0]}),
    message(counts={**GOOD, "<script>": [1, 0, 0, 0]}),
    message(counts={**GOOD, "e.d": [0, 0, 0, 0]}),
    message(counts={**GOOD, "e.d": [1, 0, 0]}),
    message(counts={**GOOD, "e.d": [1, 0, 0, 0, 0]}),
    message(counts={**GOOD, "e.d": [1, 8, 9, 7]}),
    message(counts={**GOOD, "e.d": [1, 5, 6, 7]}),
    message(counts={**GOOD, "e.d": [1, -1, 6, 5]}),
    message(counts={**GOOD, "e.d": [1, 0, float("inf"), 5]}),
    message(counts={**GOOD, "e.d": [1, 0, MAX_INTEGER, 5]}),
    message(counts={**GOOD, "e.d": {"0": 1}}),
    message(counts={**GOOD, "e.d": "1234"}),
    message(counts=GOOD, events={"scans": -1}),
    message(counts=GOOD, events={"scans": 1.5}),
    message(counts=GOOD, events={"scans": None}),
    message(counts=GOOD, events="scans"),
    message(counts={f"e.d{n}": [1, 0, 0, 0] for n in range(10_001)}),
]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda strange: repr(strange)[:60])
def test_a_strange_message_is_refused_with_a_reason_and_changes_nothing(strange: object) -> None:
    totals = Totals()
    with pytest.raises(ValueError, match=r".{8}"):
        totals.merge(strange)  # type: ignore[arg-type]
    assert spread(totals) == spread(Totals())


BYTES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 200_000,
    b'{"seq":' + b"9" * 5000 + b"}",
    b'{"epoch":NaN}',
    b"null",
    b"\x00" * 99,
]


@pytest.mark.parametrize("payload", BYTES, ids=lambda payload: repr(payload[:12]))
def test_bytes_that_are_no_message_are_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".{8}"):
        Totals().merge(payload)


@given(payload=st.binary(max_size=60) | st.text(alphabet='{}[]",:epochsqunt0123456789-a.', max_size=60).map(str.encode))
def test_any_bytes_are_merged_or_refused(payload: bytes) -> None:
    totals = Totals()
    try:
        totals.merge(payload)
    except ValueError:
        assert spread(totals) == spread(Totals())


@given(st.lists(st.integers(1, 40), max_size=60))
def test_the_gaps_are_exactly_what_is_missing_below_the_greatest(seqs: list[int]) -> None:
    seen = Seen()
    for n, seq in enumerate(seqs):
        assert seen.add(seq) == (seq not in seqs[:n])
    missing = [seq for first, last in seen.gaps() for seq in range(first, last + 1)]
    assert missing == sorted(set(range(1, max(seqs, default=0) + 1)) - set(seqs))


def test_a_week_without_loss_is_one_range() -> None:
    seen = Seen()
    for seq in range(604_800, 0, -1):
        seen.add(seq)
    assert seen.gaps() == []
    assert len(seen._firsts) == 1

"""The backlog: a stock-take and what was counted since, with an error that grows, never below nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.load.backlog import Backlog, BaselineRefusedError, Drifted, Rebased, Stock
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter

RULE = CounterRule(2**32, 50.0)


class Yard:
    """Docks whose counters run at set rates, read once a second."""

    def __init__(self, miscount: float = 0.002, floor_parcels: int | None = None) -> None:
        self.unload, self.load = Meter(RULE, 1), Meter(RULE, 1)
        self.backlog = Backlog([self.unload], [self.load], miscount, floor_parcels)
        self.raw = [1_000_000, 2_000_000]
        self.now_s = 1000.0

    @property
    def at(self) -> Instant:
        return Instant("a", self.now_s, 1.8e9 + self.now_s, "ntp")

    def run(self, seconds: int, came: int = 0, went: int = 0) -> Stock | None:
        for _ in range(seconds):
            self.now_s += 1.0
            for place, (meter, step) in enumerate(((self.unload, came), (self.load, went))):
                self.raw[place] += step
                meter.advance(self.raw[place], self.at)
            stock = self.backlog.advance(self.at)
        return stock

    def rebase(self, parcels: int, request: str = "r1") -> None:
        self.backlog.rebase(self.at, parcels, "li", request)


def test_without_a_stock_take_the_backlog_is_what_must_be_there_at_least_and_has_no_error() -> None:
    stock = Yard().run(100, came=3, went=1)
    assert stock is not None
    assert (stock.parcels, stock.err, stock.based) == (2 * 99, None, False)


def test_since_a_stock_take_arrivals_and_departures_are_counted_and_the_error_grows() -> None:
    yard = Yard()
    yard.run(10, came=3, went=3)
    yard.rebase(5000)
    (event,) = yard.backlog.take_events()
    assert isinstance(event, Rebased)
    assert (event.by, event.parcels, event.before) == ("li", 5000, 0)
    stock = yard.run(1000, came=3, went=2)
    assert stock is not None
    assert (stock.parcels, stock.based, stock.drift, stock.age_s) == (6000, True, 0, 1000.0)
    assert stock.err is not None and stock.err >= 0.002 * 5000
    later = yard.run(1000, came=3, went=3)
    assert later is not None and later.err is not None and later.err > stock.err


def test_more_leaving_than_were_there_is_nothing_left_and_a_drift_told_once_a_quarter_of_an_hour() -> None:
    yard = Yard()
    yard.run(3)
    yard.rebase(100)
    yard.backlog.take_events()
    stock = yard.run(200, went=1)
    assert stock is not None
    assert (stock.parcels, stock.drift) == (0, 100)
    assert yard.backlog.take_events() == [Drifted(1)]
    yard.run(1000, went=1)
    assert [type(one) for one in yard.backlog.take_events()] == [Drifted]
    again = yard.run(50, came=2)
    assert again is not None and again.parcels == 100, "what comes then is there"


def test_a_counter_whose_continuity_breaks_leaves_the_error_unknown_until_the_next_stock_take() -> None:
    yard = Yard()
    yard.run(10)
    yard.rebase(1000)
    yard.raw[0] = 900_000_000
    stock = yard.run(30)
    assert stock is not None and stock.err is None and stock.based
    yard.rebase(1200, "r2")
    again = yard.run(1)
    assert again is not None
    assert again.parcels == 1200
    assert again.err is not None


def test_a_silent_dock_counter_makes_the_backlog_unknown_and_a_stock_take_refused() -> None:
    yard = Yard()
    yard.run(10, came=1)
    yard.now_s += 60
    assert yard.backlog.advance(yard.at) is None
    with pytest.raises(BaselineRefusedError, match="does not answer"):
        yard.rebase(5)


def test_a_site_that_counts_no_docks_has_no_backlog() -> None:
    backlog = Backlog([], [], 0.002)
    at = Instant("a", 1.0, 1.8e9, "ntp")
    assert backlog.advance(at) is None
    with pytest.raises(BaselineRefusedError, match="floor"):
        backlog.rebase(at, 5, "li", "r")


@pytest.mark.parametrize("parcels", [-1, 10**9])
def test_an_impossible_stock_take_is_refused_and_changes_nothing(parcels: int) -> None:
    yard = Yard()
    yard.run(10)
    yard.rebase(70)
    with pytest.raises(BaselineRefusedError, match="0 to"):
        yard.rebase(parcels, "r2")
    stock = yard.run(1)
    assert stock is not None and stock.parcels == 70


def test_the_same_request_twice_begins_anew_once() -> None:
    yard = Yard()
    yard.run(5)
    yard.rebase(100)
    yard.run(10, came=1)
    yard.rebase(100)
    stock = yard.run(1)
    assert stock is not None and stock.parcels == 110


def test_a_stock_take_outlives_the_process_and_what_was_counted_meanwhile_is_found() -> None:
    yard = Yard()
    yard.run(10)
    yard.rebase(1000)
    yard.run(100, came=3, went=1)
    kept, states = json.loads(json.dumps(yard.backlog.kept())), (yard.unload.state(), yard.load.state())
    again = Yard()
    again.raw, again.now_s = [yard.raw[0] + 500, yard.raw[1]], yard.now_s + 100
    for meter, state in zip((again.unload, again.load), states, strict=True):
        meter.restore(state)
    again.backlog.restore(kept, 0.0)
    stock = again.run(1)
    assert stock is not None
    assert stock.parcels == 1000 + 200 + 500
    assert stock.age_s == 201.0


@pytest.mark.parametrize(
    "kept",
    [None, {}, [1], ["r", -1, [0, 0, 0], [0, 0, 0], 1.0, 0], ["r", 1, [5, 0, 0], [0, 0, 0], 1.0, 0],
     ["r", 1, 2, 3, 4, 5], ["r", 1, [0, 10**9, 10**9], [0, 0, 0], 1.0, 0], ["r", 1, ["a", None, 0], [0, 0, 0], 1.0, 0]],
)  # fmt: skip
def test_what_is_no_stock_take_is_refused(kept: object) -> None:
    yard = Yard()
    yard.run(3)
    with pytest.raises((ValueError, TypeError)):
        yard.backlog.restore(kept, 0.0)
    stock = yard.run(1)
    assert stock is not None and not stock.based


@settings(max_examples=40, deadline=None)
@given(
    stock=st.integers(0, 500),
    steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=40),
)
def test_the_backlog_is_the_obvious_sum_that_never_goes_below_nothing(stock: int, steps: list[tuple[int, int]]) -> None:
    yard = Yard(miscount=0.0)
    yard.run(3)
    yard.rebase(stock)
    expected = stock
    for came, went in steps:
        found = yard.run(1, came=came, went=went)
        expected = max(0, expected + came - went)
        assert found is not None and found.parcels == expected


@pytest.mark.parametrize(("parcels", "refused"), [(0, False), (300, False), (301, True), (99_999_999, True)])
def test_a_stock_take_of_several_full_floors_is_refused_with_what_the_floor_holds(parcels: int, refused: bool) -> None:
    yard = Yard(floor_parcels=100)
    yard.run(10)
    if refused:
        with pytest.raises(BaselineRefusedError, match="buffer_parcels = 100"):
            yard.rebase(parcels)
    else:
        yard.rebase(parcels)
    assert bool(yard.backlog.take_events()) is not refused


def test_a_counter_that_broke_since_the_stock_take_leaves_it_without_a_bound_also_after_a_restart() -> None:
    yard = Yard()
    yard.run(10, came=3, went=3)
    yard.rebase(5000)
    yard.run(100, came=3, went=2)
    yard.raw[0] = 3_000_000_000
    broken = yard.run(100, came=3, went=2)
    assert broken is not None
    assert (broken.based, broken.err) == (True, None), "another counter stands there"
    kept = json.loads(json.dumps(yard.backlog.kept()))
    again = Yard()
    again.raw, again.now_s = list(yard.raw), yard.now_s
    again.unload.restore(yard.unload.state())
    again.load.restore(yard.load.state())
    again.backlog.restore(kept, 0.0)
    stock = again.run(100, came=3, went=2)
    assert stock is not None
    assert (stock.based, stock.err) == (True, None)
    again.rebase(5000, "r2")
    stock = again.run(1, came=3, went=2)
    assert stock is not None and stock.err == 0
    older = Yard()
    older.unload.restore(yard.unload.state())
    older.load.restore(yard.load.state())
    older.backlog.restore(kept[:6], 0.0)
    assert older.backlog.kept()[:6] == kept[:6]

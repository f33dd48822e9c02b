"""What is worth a message: what moved beyond its deadband, what stands otherwise, and a heartbeat."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twins import site

from agent.load.metric_rows import FLOW, LINE, SITE_STATE
from agent.uplink.worth import ALWAYS, Worth
from config.reporting_settings import DEADBANDS, USUAL_S, Reporting

BANDS = Reporting(deadband={"load_index": 2.0, "in_pph": 100.0}, heartbeat_s=60.0)
CALM = {"load_index": 50.0, "in_pph": 1000, "state": "NORMAL"}


def told(*figures: dict[str, object], quality: str = "good") -> list[bool]:
    """Which of these, ten seconds apart, are told."""
    worth = Worth(BANDS)
    return [worth.is_told("line", 10.0 * n, quality, one) for n, one in enumerate(figures)]


def test_what_moved_within_its_deadband_waits_and_what_moved_further_since_it_was_told_goes() -> None:
    assert told(CALM, {**CALM, "load_index": 52.0}, {**CALM, "load_index": 52.1}) == [True, False, True]
    assert told(CALM, {**CALM, "in_pph": 1101}) == [True, True]


def test_a_slow_rise_is_told_when_it_comes_to_more_than_the_band() -> None:
    assert told(*({**CALM, "load_index": 50.0 + n} for n in range(5))) == [True, False, False, True, False]


def test_another_state_another_quality_and_a_figure_that_comes_or_goes_are_told_at_once() -> None:
    assert told(CALM, {**CALM, "state": "BUSY"}) == [True, True]
    assert told(CALM, {name: value for name, value in CALM.items() if name != "in_pph"}) == [True, True]
    assert told({**CALM, "warn_min": 240}, CALM) == [True, True]
    worth = Worth(BANDS)
    assert worth.is_told("line", 0.0, "good", CALM)
    assert worth.is_told("line", 10.0, "stale", CALM)


def test_a_place_of_which_nothing_moves_has_a_heartbeat() -> None:
    assert told(*[CALM] * 8) == [True, False, False, False, False, False, True, False]


def test_each_place_is_judged_by_itself() -> None:
    worth = Worth(BANDS)
    assert [worth.is_told(place, 0.0, "good", CALM) for place in ("a", "b", "a")] == [True, True, False]


def test_without_deadbands_nothing_is_left_out() -> None:
    assert not Worth(Reporting()).asked
    assert Worth(BANDS).asked


@given(st.lists(st.floats(0, 200), min_size=1, max_size=40))
def test_what_was_told_last_is_never_further_off_than_the_deadband(values: list[float]) -> None:
    worth, last = Worth(BANDS), 0.0
    for n, value in enumerate(values):
        if worth.is_told("line", 10.0 * n, "good", {"load_index": value}):
            last = value
        assert abs(value - last) <= 2.0


def test_every_figure_with_a_deadband_is_one_that_is_sent() -> None:
    fields = {one.field for one in (*LINE, *SITE_STATE)} | {
        f"{role}_{one.field}" for role in ("in", "out") for one in FLOW
    }
    assert set(DEADBANDS) | set(ALWAYS) <= fields


def test_a_peak_or_an_emergency_is_reported_each_ten_seconds_unless_the_site_says_otherwise() -> None:
    plain, own = Reporting(), Reporting(by_mode={"peak": 5.0, "suspended": 600.0})
    assert [plain.interval_s(mode, 60.0) for mode in ("normal", "peak", "emergency", "suspended")] == [60, 10, 10, 60]
    assert [own.interval_s(mode, 60.0) for mode in ("normal", "peak", "emergency", "suspended")] == [60, 5, 10, 600]
    assert plain.interval_s("peak", 1.0) == 1.0
    assert [each.shortest_s(60.0) for each in (plain, own)] == [10.0, 5.0]


def test_a_site_that_says_nothing_is_told_each_minute_and_each_ten_seconds_when_it_is_urgent() -> None:
    settings = site("")
    intervals = {mode: settings.reporting.interval_s(mode, settings.bureau.report_s) for mode in USUAL_S}
    assert intervals == USUAL_S == {"normal": 60, "peak": 10, "emergency": 10, "suspended": 60}

"""One counter made continuous: each thing that befalls a register, and what is known afterwards."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.load.flow import RoleFlow
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter
from agent.load.reckoning import MOST_COUNTED
from config.device_settings import CounterRef

U16 = CounterRule(2**16, 20.0)
U32 = CounterRule(2**32, 20.0)


def at(boot_s: float, boot: str = "a", wall_s: float | None = None, quality: str = "ntp") -> Instant:
    return Instant(boot, boot_s, 1.8e9 + boot_s if wall_s is None else wall_s, quality)  # type: ignore[arg-type]


def feed(meter: Meter, *samples: tuple[float, int]) -> list[str]:
    """The kinds of all events while (second, raw) are fed."""
    return [event.kind for boot_s, raw in samples for event in meter.advance(raw, at(boot_s))]


def known(meter: Meter) -> tuple[int, int, int, int | None]:
    return meter.base, meter.lo, meter.total, meter.hi


def test_the_first_sample_is_the_baseline_of_the_first_base() -> None:
    meter = Meter(U32, 1)
    assert (meter.base, meter.state()) == (0, [])
    assert feed(meter, (0, 4711)) == ["baseline"]
    assert known(meter) == (1, 0, 0, 0)


def test_an_ordinary_counter_is_exact() -> None:
    meter = Meter(U32, 1)
    assert feed(meter, (0, 1000), (1, 1005), (2, 1005), (3, 1025)) == ["baseline"]
    assert known(meter) == (1, 25, 25, 25)


@pytest.mark.fault("B11")
@pytest.mark.parametrize("modulus", [10**4, 2**16, 10**6, 10**8, 2**32, 2**64])
def test_a_wrap_counts_exactly(modulus: int) -> None:
    meter = Meter(CounterRule(modulus, 20.0), 1)
    assert feed(meter, (0, modulus - 3), (1, 4), (2, 9)) == ["baseline", "wrap"]
    assert meter.total == 12
    assert meter.hi is not None and meter.lo <= 12 <= meter.hi


def test_a_signed_counter_wraps_from_its_greatest_to_its_least_value() -> None:
    meter = Meter(U16, 1)
    assert feed(meter, (0, 32_760), (1, 32_767), (2, -32_768), (3, -32_760)) == ["baseline"]
    assert meter.total == 16
    assert feed(meter, (4, -1)) == ["garbage"], "-1 is 32,759 further on: no belt runs that far in a second"


def test_garbage_is_no_witness_of_a_reset() -> None:
    meter = Meter(U16, 1)
    assert feed(meter, (0, 30_000), (1, 65_535), (2, 3), (3, 30_010)) == ["baseline", "garbage", "doubt", "trusted"]
    assert known(meter) == (1, 10, 10, 10)


@pytest.mark.fault("B12")
def test_a_fall_is_a_doubt_until_the_next_sample_confirms_the_reset() -> None:
    meter = Meter(U32, 1)
    assert feed(meter, (0, 5000), (1, 5010), (2, 3)) == ["baseline", "doubt"]
    assert known(meter) == (1, 10, 10, 10), "a doubtful sample changes nothing"
    assert feed(meter, (2.2, 4)) == ["reset"]
    assert (meter.lo, meter.total) == (14, 14)
    assert meter.hi is not None and meter.hi >= 14 + 2.2 * 20 - 4, "what was counted before the reset is not known"


def test_a_fall_that_the_next_sample_denies_never_happened() -> None:
    meter = Meter(U32, 1)
    assert feed(meter, (0, 5000), (1, 0), (1.2, 5003), (2, 5010)) == ["baseline", "doubt", "trusted"]
    assert known(meter) == (1, 10, 10, 10)


@pytest.mark.parametrize("torn", [65_530 + 65_536, 3])
def test_a_torn_read_of_a_32_bit_counter_is_not_taken(torn: int) -> None:
    meter = Meter(U32, 1)
    events = feed(meter, (0, 65_520), (1, 65_530), (2, torn), (2.2, 65_540))
    assert events[1:] in (["garbage", "trusted"], ["doubt", "trusted"])
    assert known(meter) == (1, 20, 20, 20)


def test_a_torn_read_after_an_hour_of_silence_is_not_taken_either() -> None:
    meter = Meter(U32, 1)
    assert feed(meter, (0, 65_000), (3600, 131_070), (3600.2, 65_540), (3600.4, 65_541)) == [
        "baseline",
        "doubt",
        "trusted",
    ]
    assert (meter.lo, meter.total) == (541, 541)


@pytest.mark.fault("B14")
@pytest.mark.parametrize("raw", [3_000_000_000, 1_000_000, 2**32, 2**40, -(2**40)])
def test_garbage_changes_nothing_that_is_known(raw: int) -> None:
    meter = Meter(U32, 1)
    feed(meter, (0, 900_000), (1, 900_010))
    kept = meter.state()
    assert feed(meter, (2, raw)) == ["garbage"]
    assert meter.state() == kept
    assert feed(meter, (3, 900_030)) == ["trusted"]
    assert known(meter) == (1, 30, 30, 30)


@pytest.mark.fault("B14")
def test_three_agreeing_contradictions_are_another_counter() -> None:
    meter = Meter(U32, 1)
    events = feed(meter, (0, 900_000), (1, 900_010), (2, 5_000_000), (3, 5_000_004), (4, 5_000_009), (5, 5_000_010))
    assert events == ["baseline", "garbage", "replaced"]
    assert known(meter) == (2, 1, 1, 1)
    assert meter.overall == (11, 11, 11), "what the first counter counted is not forgotten"


def test_a_counter_replaced_after_a_restart_begins_a_base_it_never_had() -> None:
    was = Meter(U32, 900)
    feed(was, (0, 900_000), (1, 900_010))
    bases = []
    for drawn in (17, 52):  # the same old state twice, as from a card that forgot
        again = Meter(U32, drawn)
        again.restore(was.state())
        feed(again, (2, 5_000_000), (3, 5_000_000), (4, 5_000_000))
        bases.append(again.base)
    assert bases == [17, 52]


def test_contradictions_that_do_not_agree_replace_nothing() -> None:
    meter = Meter(U32, 1)
    samples = [(float(n), 10**6 * (7 * n % 13 + 1)) for n in range(1, 12)]
    assert feed(meter, (0, 900), *samples) == ["baseline", "garbage", "refused"]
    assert known(meter) == (1, 0, 0, 0)


@pytest.mark.fault("B13")
def test_a_silence_longer_than_a_turn_is_said_once_and_widens_the_interval() -> None:
    meter = Meter(U16, 1)
    assert feed(meter, (0, 100), (10_000, 600), (10_000.2, 601), (10_001, 610)) == ["baseline", "doubt", "gap"]
    assert (meter.lo, meter.total) == (510, 510)
    assert meter.hi is not None and meter.hi >= 510 + 3 * 2**16


def test_a_reboot_between_two_right_clocks_is_a_known_silence() -> None:
    meter = Meter(U32, 1)
    meter.advance(1000, at(50.0))
    assert meter.advance(1200, at(5.0, boot="b", wall_s=1.8e9 + 110)) == ()
    assert known(meter) == (1, 200, 200, 20 * (60 + 2 + 1) + 1), "or a reset, and all that the time allows"


@pytest.mark.parametrize(
    ("before", "after", "wall_s"), [("rtc", "ntp", 1.8e9 + 110), ("ntp", "none", 0.0), ("ntp", "ntp", 1.7e9)]
)
@pytest.mark.fault("C3")
def test_a_reboot_without_two_right_clocks_leaves_no_upper_bound(before: str, after: str, wall_s: float) -> None:
    meter = Meter(U32, 1)
    meter.advance(1000, at(50.0, quality=before))
    kinds = [
        event.kind
        for n, raw in enumerate((1400, 1401))
        for event in meter.advance(raw, at(500.0 + n, boot="b", wall_s=wall_s + n, quality=after))
    ]
    assert kinds == ["doubt", "gap"]
    assert known(meter) == (1, 401, 401, None)


@pytest.mark.fault("C3")
def test_after_a_reboot_a_counter_waits_for_the_clock_to_be_set() -> None:
    meter = Meter(U32, 1)
    meter.advance(5000, at(50.0))
    early = [meter.advance(5400 + n, at(5.0 + n, boot="b", wall_s=1.0 + n, quality="none")) for n in range(30)]
    assert [event.kind for events in early for event in events] == ["doubt"]
    assert known(meter) == (1, 0, 0, 0)
    assert [one.kind for one in meter.advance(5500, at(40.0, boot="b", wall_s=1.8e9 + 150))] == ["trusted"]
    assert known(meter) == (1, 500, 500, 500), "the clock came, the silence is known, no reset could bring 5500"


@pytest.mark.fault("C3")
def test_a_counter_does_not_wait_for_ever_for_a_clock() -> None:
    meter = Meter(U32, 1)
    meter.advance(5000, at(50.0))
    for n in range(130):
        meter.advance(5400 + n, at(5.0 + n, boot="b", wall_s=1.0 + n, quality="none"))
    assert known(meter) == (1, 529, 529, None)


def test_an_idle_counter_near_zero_keeps_a_narrow_interval() -> None:
    meter = Meter(U32, 1)
    feed(meter, *((float(n), 0) for n in range(86_400)))
    assert known(meter) == (1, 0, 0, 41), "the chance of one unseen reset, not one a second"


def test_each_silence_near_zero_may_hide_a_reset_of_its_own() -> None:
    meter = Meter(U32, 1)
    feed(meter, (0, 0), (60, 0), (120, 0), (180, 0))
    assert meter.hi == 3 * (20 * 61 + 1)


def test_a_fast_counter_is_followed_where_torn_reads_could_not_be_told_anyway() -> None:
    meter = Meter(CounterRule(2**32, 100_000.0), 1)
    assert feed(meter, (0, 10**7), (1, 10**7 + 90_000), (2, 10**7 + 180_000)) == ["baseline"]
    assert meter.total == 180_000


def test_a_64_bit_counter_takes_no_leap_that_ten_years_could_not_bring() -> None:
    meter = Meter(CounterRule(2**64, 20.0), 1)
    meter.advance(1000, at(50.0, quality="none"))
    kinds = [event.kind for n in range(2) for event in meter.advance(2**60, at(5.0 + n, boot="b", quality="none"))]
    assert kinds == ["garbage"]


def test_samples_out_of_order_are_no_harm() -> None:
    meter = Meter(U32, 1)
    feed(meter, (10, 1000), (12, 1010), (11, 1005), (11.2, 1006), (13, 1012))
    assert meter.hi is not None and meter.lo <= 12 <= meter.hi


def test_a_restarted_meter_finds_what_was_counted_meanwhile() -> None:
    meter = Meter(U32, 1)
    feed(meter, (0, 1000), (1, 1010))
    again = Meter(U32, first_base=77)
    again.restore(json.loads(json.dumps(meter.state())))
    assert again.state() == meter.state()
    assert feed(again, (61, 1700)) == []
    assert (again.base, again.lo, again.total) == (1, 700, 700)


STATE = [1, 2**32, 3, 5, 9, 7, 0, 0, 0, 1000, 0, "a", 5.0, 1.8e9, "ntp"]


def test_the_state_used_below_is_a_good_one() -> None:
    meter = Meter(U32, 1)
    meter.restore(STATE)
    assert meter.state() == STATE
    assert known(meter) == (3, 5, 7, 9)


@pytest.mark.parametrize(
    ("position", "value"),
    [
        *((0, 2), (1, 2**16), (2, 0), (2, "1"), (3, -1), (3, 8), (4, 6), (5, None), (5, True), (6, 1), (9, 2**32)),
        *((10, -1), (11, 5), (12, "5"), (12, float("nan")), (13, float("inf")), (12, True), (14, "gps"), (14, [])),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(position: int, value: object) -> None:
    meter = Meter(U32, 1)
    damaged = [*STATE[:position], value, *STATE[position + 1 :]]
    with pytest.raises(ValueError, match=r"counter's state|no moment"):
        meter.restore(damaged)
    assert meter.state() == []


@pytest.mark.parametrize("place", [3, 6], ids=["this base", "earlier bases"])
def test_a_state_that_counted_more_than_any_counter_is_refused_and_the_most_has_rates(place: int) -> None:
    most = [MOST_COUNTED] * 3
    absurd = [*STATE[:place], *(one + 1 for one in most), *STATE[place + 3 :]]
    with pytest.raises(ValueError, match="more than any counter counts"):
        Meter(U32, 1).restore(absurd)
    meters = {CounterRef("d", str(n)): Meter(U32, 1) for n in range(4000)}
    for meter in meters.values():
        meter.restore([*STATE[:place], *most, *STATE[place + 3 :]])
    flow = RoleFlow(meters, meters)
    flow.follow(Instant("a", 5.0, 1.8e9, "ntp"))
    assert flow.total >= 4000 * MOST_COUNTED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(state=JSON | st.lists(JSON, min_size=15, max_size=15))
def test_any_json_as_state_is_taken_or_refused(state: object) -> None:
    meter = Meter(U32, 1)
    try:
        meter.restore(state)
    except ValueError:
        assert meter.state() == []
    else:
        assert meter.state() == state


@given(
    start=st.integers(0, 2**32 - 1),
    samples=st.lists(st.tuples(st.floats(0, 1e5), st.integers(-(2**33), 2**33)), max_size=30),
    modulus=st.sampled_from([10**4, 2**16, 2**32]),
)
def test_whatever_a_register_says_the_total_stays_inside_a_growing_interval(
    start: int, samples: list[tuple[float, int]], modulus: int
) -> None:
    meter = Meter(CounterRule(modulus, 20.0), 1)
    meter.advance(start, at(0))
    now_s, before = 0.0, (meter.base, meter.lo, meter.total)
    for seconds, raw in samples:
        now_s += seconds
        meter.advance(raw, at(now_s))
        assert 0 <= meter.lo <= meter.total
        assert meter.hi is None or meter.total <= meter.hi
        assert (meter.base, meter.lo, meter.total) >= before if meter.base == before[0] else meter.base == before[0] + 1
        before = (meter.base, meter.lo, meter.total)


@pytest.mark.parametrize(
    ("rule", "per_s", "start", "setting"),
    [
        (CounterRule(10**4, 20.0), 5, 10**5, "modulus = 10000 is likely too small"),
        (CounterRule(2**32, 20.0), 100, 0, "max_rate_per_s = 20 is likely too small, it runs at 100"),
        (CounterRule(2**32, 20.0), -(10**6), 2**31, "likely another register, type or word order is meant"),
    ],
)
def test_a_counter_that_its_settings_do_not_fit_is_told_once_with_the_setting(
    rule: CounterRule, per_s: int, start: int, setting: str
) -> None:
    meter = Meter(rule, 1)
    events = [event for n in range(100) for event in meter.advance(start + per_s * n, at(float(n)))]
    assert len(events) <= 4
    assert [event.detail.endswith(setting) for event in events if event.kind == "refused"] == [True]


def test_each_run_of_refused_samples_is_told_when_it_begins_and_when_it_ends() -> None:
    meter = Meter(U32, 1)
    assert feed(meter, (0, 5000), (1, 2**31), (2, 2**30), (3, 5010), (4, 5012)) == ["baseline", "garbage", "trusted"]
    assert feed(meter, (5, 2**31), (6, 5020)) == ["garbage", "trusted"]

"""What a frame keeps of counters is short where they agree, and says of each all that its meter said."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.baselines import Baselines, Epoch
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter

COUNTS = st.integers(0, 3)
MOMENTS = st.sampled_from((["a", 1.5, 2e9, "ntp"], ["a", 2.5, 2e9, "ntp"], ["b", 1.5, 2e9, "rtc"]))
STATES = st.builds(
    lambda counts, hi, moment: [1, 1 << 32, *counts[:2], hi, *counts[2:], *moment],
    st.lists(COUNTS, min_size=8, max_size=8),
    st.none() | COUNTS,
    MOMENTS,
)
NO_STATES = st.lists(st.none() | COUNTS | st.text(max_size=1) | st.lists(COUNTS), max_size=13)

WRITTEN_BEFORE = (
    b'{"form":1,"epoch":"7-abcdef","seq":9,"counters":'
    b'{"eye.in":[1,65536,5,40,40,40,0,0,0,140,0,"boot",12.5,1800000012.5,"ntp"],'
    b'"eye.out":[1,65536,5,30,null,38,7,9,8,3,2,"boot",13.5,1800000013.5,"ntp"]}}'
)
"""A frame of before states were packed."""


@given(st.dictionaries(st.text(max_size=3), STATES | st.just([])))
def test_every_counters_state_comes_back_as_it_was(states: dict[str, list[object]]) -> None:
    assert Baselines.decode(Baselines(Epoch(1, "abcdef"), 1, states).encode()).counters == states


def test_a_counter_goes_on_from_a_frame_of_before_and_from_one_of_now() -> None:
    before = Baselines.decode(WRITTEN_BEFORE)
    assert Baselines.decode(before.encode()) == before
    for name, counted in (("eye.in", (40, 40, 40)), ("eye.out", (37, None, 46))):
        meter = Meter(CounterRule(1 << 16, 50.0), 6)
        meter.restore(before.counters[name])
        assert (meter.overall, meter.base, meter.state()) == (counted, 5, before.counters[name])


def test_what_many_counters_share_is_said_once() -> None:
    at = Instant("4f3c9a52-77aa-4d51-9e55-b3f4c2a10e6d", 86_400.123456, 1_800_000_000.123456, "ntp")
    meters = [Meter(CounterRule(1 << 32, 50.0), 1) for _ in range(100)]
    for meter in meters:
        meter.advance(10**6, at)
    states = {f"line-{n}.in": meter.state() for n, meter in enumerate(meters)}
    frame = Baselines(Epoch(1, "abcdef"), 1, states).encode()
    assert frame.count(b"4f3c9a52") == 1
    assert 2 * len(frame) < len(json.dumps(states, separators=(",", ":")))


@given(NO_STATES, st.none() | st.lists(st.none() | MOMENTS, max_size=2))
def test_what_is_no_state_is_left_for_its_counter_to_refuse(state: list[object], moments: object) -> None:
    form = {"form": 1, "epoch": "7-abcdef", "seq": 9, "counters": {"a.b": [2, *state]}, "moments": moments}
    meter = Meter(CounterRule(1 << 32, 50.0), 6)
    try:
        meter.restore(Baselines.decode(json.dumps(form).encode()).counters["a.b"])
    except ValueError:
        assert meter.at is None

"""A list in a JSON object is read one element at a time, as the standard library reads all of it."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.uplink.listed import listed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=4) | st.just("messages"), values, max_size=3)
texts = st.builds(
    lambda fields, messages, indent: json.dumps({**fields, "messages": messages}, indent=indent),
    objects,
    st.lists(values, max_size=5),
    st.none() | st.integers(0, 2),
)


def at_leisure(_name: object, _value: object) -> None:
    """Whatever else the object holds is welcome."""


def test_what_stands_beside_the_list_is_judged_before_it() -> None:
    told = []
    reading = listed('{"v":1,"messages":[7],"w":[2]}', "messages", lambda name, value: told.append((name, value)))
    assert next(reading) == 7
    assert told == [("v", 1)]
    assert [*reading] == []
    assert told == [("v", 1), ("w", [2])]


@given(texts)
def test_it_holds_what_the_standard_library_finds(text: str) -> None:
    assert list(listed(text, "messages", at_leisure)) == json.loads(text)["messages"]


def read(text: str) -> list[object] | None:
    """None where the standard library finds no such list in it."""
    with suppress(ValueError):
        fields = json.loads(text)
        if isinstance(fields, dict) and isinstance(fields.get("messages"), list):
            return list(fields["messages"])
    return None


@given(texts, st.data())
@example('{"messages":[1,]}', None)
@example('{"messages":[1]},', None)
@example('{"messages":[1],}', None)
@example('{1:2,"messages":[1]}', None)
@example('{"v":1}', None)
@example("[]", None)
@example("{}", None)
@example("", None)
def test_it_refuses_what_the_standard_library_refuses(text: str, draw: st.DataObject | None) -> None:
    if draw is not None:
        at, put = draw.draw(st.integers(0, len(text))), draw.draw(st.text('{}[],:" 1x', max_size=2))
        text = text[:at] + put + text[at + draw.draw(st.integers(0, 3)) :]
    found = None
    with suppress(ValueError):
        found = list(listed(text, "messages", at_leisure))
    assert found == read(text)


def test_an_element_is_there_before_what_stands_behind_it_is_read() -> None:
    given_before = listed('{"v":1,"messages":[[1],[2],nonsense', "messages", at_leisure)
    assert [next(given_before), next(given_before)] == [[1], [2]]
    with pytest.raises(ValueError, match="Expecting value"):
        next(given_before)


def test_a_long_list_takes_the_memory_of_one_element() -> None:
    text = json.dumps({"messages": [{f"counter-{number}": number + 0.5 for number in range(100)}] * 100})
    tracemalloc.start()
    for _ in listed(text, "messages", at_leisure):
        pass
    one_at_a_time = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    json.loads(text)
    at_once = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one_at_a_time * 10 < at_once

"""Documents of JSON with anything anywhere: what a torn, foreign or crafted spool may hold."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

ANYTHING: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**18), 2**63, 0, -1, 1, 3])
    | st.floats()
    | st.text(max_size=3)
    | st.just([])
    | st.just({})
    | st.lists(st.integers(-5, 5) | st.floats(), max_size=6)
)
"""What JSON can hold."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the whole first."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def changed(whole: Any, place: tuple[Any, ...], new: Any) -> Any:
    """A copy of a document with `new` at that place."""
    if not place:
        return new
    document = copy.deepcopy(whole)
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return document

"""The states of all counters in a frame, without what most share: a moment is said once, certainty not at all.

A state of `agent.load.reckoning` is [1, modulus, base, lo, hi, total, the same three of earlier bases, raw, unseen,
*moment]; packed it is [2, place of its moment, modulus, base, raw, total] while lo = hi = total, and nothing else was
counted or is unseen; else with lo, hi, unseen and the earlier three after that. Frames of before hold states as
they are: these are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping

_WHOLE, _PACKED = 1, 2
_FIELDS = 15
_CERTAIN = (0, 0, 0, 0)


def packed(states: Mapping[str, list[object]]) -> tuple[dict[str, list[object]], list[tuple[object, ...]]]:
    """The states by name, and the moments in them."""
    places: dict[tuple[object, ...], int] = {}
    return {name: _packed(state, places) for name, state in states.items()}, list(places)


def _packed(state: list[object], places: dict[tuple[object, ...], int]) -> list[object]:
    if len(state) != _FIELDS:
        return state
    _, modulus, base, lo, hi, total, earlier_lo, earlier_hi, earlier, raw, unseen, *at = state
    moment = tuple(at)
    short = [_PACKED, places.setdefault(moment, len(places)), modulus, base, raw, total]
    if lo == hi == total and (unseen, earlier_lo, earlier_hi, earlier) == _CERTAIN:
        return short
    return [*short, lo, hi, unseen, earlier_lo, earlier_hi, earlier]


def unpacked(states: Mapping[str, object], moments: object) -> dict[str, list[object]]:
    """The states by name; what is none is left out, or left as it is for the counter to refuse."""
    known = moments if isinstance(moments, list) else []
    return {name: _unpacked(state, known) for name, state in states.items() if isinstance(state, list)}


def _unpacked(state: list[object], moments: list[object]) -> list[object]:
    match state:
        case [2, int(place), modulus, base, raw, total]:
            lo = hi = total
            unseen, *earlier = _CERTAIN
        case [2, int(place), modulus, base, raw, total, lo, hi, unseen, *earlier]:
            pass
        case _:
            return state
    at = moments[place] if 0 <= place < len(moments) else None
    return [_WHOLE, modulus, base, lo, hi, total, *earlier, raw, unseen, *(at if isinstance(at, list) else [])]

"""What `hubpulse bureau totals` prints: what each counter has counted, or all of a place by role."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from agent.cli.speech import say
from agent.load.reckoning import NOTHING
from config.messages import Language, named, word

if TYPE_CHECKING:
    from agent.bureau.store import Store
    from agent.cli.which_sites import Sites
    from agent.load.reckoning import Reckoning

LEVELS = {"province": 1, "city": 2, "site": 3}
"""How much of a site's `province/city/id` names the place."""

_NAMES = {"en": "name_en", "zh": "name_zh"}
_LONGEST = 40


class Place(NamedTuple):
    """Where a counter stands, by the newest `meta` of its site; "" where that does not say."""

    line: str = ""
    role: str = ""


class Row(NamedTuple):
    """A line of the table: `where` it was counted, `what`, how much, and what that is in words."""

    where: str
    what: str
    counted: Reckoning
    words: str


def listed(store: Store, lang: Language, sites: Sites, by: str | None, *, as_json: bool) -> int:
    """The totals of `sites`, each counter's or `by` place and role; 0."""
    counted = {site: one for site, one in store.totals().items() if site in sites}
    events = {site: one for site, one in store.events().items() if site in sites}
    metas = store.metas()
    places = {site: dict(_places(metas.get(site, {}))) for site in counted}
    if as_json:
        told = _by_site(counted, events, places) if by is None else _as_told(_summed(counted, events, places, by))
        messages = {site: number for site, number in store.messages().items() if site in sites}
        print(json.dumps({"sites" if by is None else "places": told, "messages": messages}))
        return 0
    if by is not None:
        _print(_role_rows(_summed(counted, events, places, by), lang))
    else:
        _print(_counter_rows(counted, events, metas, places, lang))
    if not counted and not events:
        say(word("bureau_uncounted", lang))
    return 0


def _places(meta: Mapping[str, object]) -> Iterator[tuple[str, Place]]:
    counters = meta.get("counters")
    for one in counters if isinstance(counters, list) else []:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"], Place(_text(one.get("line")), _text(one.get("role")))


def _by_site(
    counted: Mapping[str, Mapping[str, Reckoning]],
    events: Mapping[str, Mapping[str, int]],
    places: Mapping[str, Mapping[str, Place]],
) -> dict[str, object]:
    def counter(site: str, name: str, one: Reckoning) -> dict[str, object]:
        place = places[site].get(name, Place())
        return one._asdict() | {key: value for key, value in place._asdict().items() if value}

    return {
        site: {
            "counters": {name: counter(site, name, one) for name, one in counted.get(site, {}).items()},
            "events": events.get(site, {}),
        }
        for site in sorted(counted.keys() | events.keys())
    }


class Sum(NamedTuple):
    """What a place has counted: device counters by role, what agents counted by stream without its line."""

    roles: dict[str, Reckoning]
    events: dict[str, int]


def _summed(
    counted: Mapping[str, Mapping[str, Reckoning]],
    events: Mapping[str, Mapping[str, int]],
    places: Mapping[str, Mapping[str, Place]],
    by: str,
) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for site in sorted(counted.keys() | events.keys()):
        place = "/".join(site.split("/")[: LEVELS[by]])
        here = found.setdefault(place, Sum({}, {}))
        for name, one in counted.get(site, {}).items():
            role = places[site].get(name, Place()).role
            here.roles[role] = here.roles.get(role, NOTHING).plus(one)
        for stream, total in events.get(site, {}).items():
            what = stream.partition(".")[2]
            here.events[what] = here.events.get(what, 0) + total
    return found


def _as_told(sums: Mapping[str, Sum]) -> dict[str, object]:
    return {
        place: {"roles": {role: total._asdict() for role, total in one.roles.items()}, "events": one.events}
        for place, one in sums.items()
    }


def _role_rows(sums: Mapping[str, Sum], lang: Language) -> Iterator[Row]:
    for place, one in sums.items():
        for role, total in sorted(one.roles.items()):
            said = named("role", role, lang) if role else word("bureau_no_role", lang)
            yield Row(place, role or "–", total, said if said != role else "")
        for what, number in sorted(one.events.items()):
            yield Row(place, what, _exactly(number), "")


def _counter_rows(
    counted: Mapping[str, Mapping[str, Reckoning]],
    events: Mapping[str, Mapping[str, int]],
    metas: Mapping[str, Mapping[str, object]],
    places: Mapping[str, Mapping[str, Place]],
    lang: Language,
) -> Iterator[Row]:
    for site, counters in counted.items():
        lines = _line_names(metas.get(site, {}), lang)
        for name, one in counters.items():
            line, role = places[site].get(name, Place())
            words = filter(None, (lines.get(line, line), named("role", role, lang) if role else ""))
            yield Row(site, name, one, " ".join(words))
    for site, streams in events.items():
        yield from (Row(site, name, _exactly(total), "") for name, total in streams.items())


def _line_names(meta: Mapping[str, object], lang: Language) -> dict[str, str]:
    lines = meta.get("lines")
    known = [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []
    return {_text(one.get("id")): _text(one.get(_NAMES[lang])) or _text(one.get("id")) for one in known}


def _print(rows: Iterator[Row]) -> None:
    kept = list(rows)
    longest = max((len(row.what) for row in kept), default=0)
    for row in kept:
        words = f"  {row.words}" if row.words else ""
        say(f"{row.where}  {row.what:<{longest}}  {row.counted.total:>13,}{_between(row.counted)}{words}")


def _exactly(total: int) -> Reckoning:
    return NOTHING._replace(lo=total, hi=total, total=total)


def _between(one: Reckoning) -> str:
    """Between what a total lies, where it is not exact."""
    exact = one.lo == one.hi == one.total
    return "" if exact else f"  [{one.lo:,} … {'∞' if one.hi is None else f'{one.hi:,}'}]"


def _text(value: object) -> str:
    """A foreign text, if it can be shown: control characters are somebody's attempt at our terminal."""
    return value[:_LONGEST] if isinstance(value, str) and value.isprintable() else ""

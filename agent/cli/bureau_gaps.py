"""What `hubpulse bureau gaps` prints: what has not come and how often it was asked for, and what never will."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent.cli.local_time import to_the_second
from agent.cli.speech import say
from config.messages import Language, word

if TYPE_CHECKING:
    from agent.bureau.arrival import Gone
    from agent.bureau.ranges import Range
    from agent.bureau.store import Hole, Request, Store
    from agent.cli.which_sites import Sites


def listed(store: Store, address: str, lang: Language, wanted: Sites, *, as_json: bool) -> int:
    """1 where something of the wanted sites is missing that may still come; then also how it comes."""
    holes, asked = [hole for hole in store.missing() if hole.site in wanted], store.asked()
    gone = [(site, one) for site, one in store.gone() if site in wanted]
    conflicts = [one for one in store.conflicts() if one[0] in wanted]
    missing = {hole: [_newest(gap, asked.get((hole.site, hole.epoch), ())) for gap in hole.gaps] for hole in holes}
    if as_json:
        print(json.dumps(_told(missing, gone, conflicts)))
        return 1 if holes else 0
    for hole, requests in missing.items():
        for (first, last), request in zip(hole.gaps, requests, strict=True):
            said = word("bureau_gap", lang, site=hole.site, epoch=hole.epoch, numbers=numbers(first, last, lang))
            say(said + _asked(request, lang))
    for site, one in gone:
        which = numbers(one.first, one.last, lang)
        say(word("bureau_gone", lang, site=site, epoch=one.epoch, numbers=which, why=one.reason))
    for site, epoch, seq in conflicts:
        say(word("bureau_conflict", lang, site=site, epoch=epoch, seq=seq))
    say(word("bureau_gap_next" if holes else "bureau_whole", lang, store=address))
    return 1 if holes else 0


def numbers(first: int, last: int, lang: Language) -> str:
    """A range of numbers in words; one alone is no range."""
    return str(first) if first == last else word("numbers_from_to", lang, first=first, last=last)


def _told(
    missing: Mapping[Hole, Sequence[Request | None]],
    gone: Sequence[tuple[str, Gone]],
    conflicts: Sequence[tuple[str, str, int]],
) -> dict[str, object]:
    return {
        "missing": [
            {
                "site": hole.site,
                "epoch": hole.epoch,
                "gaps": hole.gaps,
                "asked": [0 if one is None else one.times for one in requests],
            }
            for hole, requests in missing.items()
        ],
        "gone": [
            {"site": site, "epoch": one.epoch, "first": one.first, "last": one.last, "why": one.reason}
            for site, one in gone
        ],
        "conflicts": conflicts,
    }


def _newest(gap: Range, requests: Sequence[Request]) -> Request | None:
    """The request for a piece of this gap that was repeated most, the newest of those."""
    within = [one for one in requests if one.first <= gap[1] and gap[0] <= one.last]
    return max(within, key=lambda one: (one.times, one.at_s), default=None)


def _asked(request: Request | None, lang: Language) -> str:
    if request is None:
        return ""
    return word("bureau_gap_asked", lang, times=request.times, at=to_the_second(request.at_s))

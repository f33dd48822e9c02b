"""What `hubpulse bureau sites` prints: who a store's sites are, by the newest `meta` of each, and who is connected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from agent.cli.local_time import to_the_minute
from agent.cli.speech import say
from agent.clock import now
from agent.load.periods import local_day
from config.messages import Language, named, word

if TYPE_CHECKING:
    from agent.bureau.store import Store
    from agent.cli.which_sites import Sites

_LONGEST = 100
_NAMES = {"en": "name_en", "zh": "name_zh"}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
NEAR_DAYS = 7
"""So many days before the last one of a temporary site it is said that it nears."""

_LISTED = ("level", "tier", "carrier", "upstream", "downstream", "valid_until")


def listed(store: Store, lang: Language, wanted: Sites, *, as_json: bool) -> int:
    """Each of the wanted sites of which something is kept; 0."""
    described = {path: site for path, site in store.described().items() if path in wanted}
    online = {path: is_there for path, is_there in store.presence().items() if path in wanted}
    heard = {path for path in store.sites() if path in wanted}
    newest = store.newest()
    sites = {path: described.get(path, {}) for path in sorted(heard | described.keys())}
    if as_json:
        told = {
            path: dict(site) | {"online": online.get(path), "newest_ts_ms": newest.get(path)} | _validity(site)
            for path, site in sites.items()
        }
        print(json.dumps({"sites": told, "online": sum(online.values())}, ensure_ascii=False))
        return 0
    for path, site in sites.items():
        state = word("bureau_online" if online.get(path) else "bureau_offline", lang)
        at = [word("bureau_newest", lang, at=to_the_minute(newest[path] / 1000))] if path in newest else []
        say("  ".join([path, state, *at, *(_words(site, lang) if site else [word("bureau_undescribed", lang)])]))
    say(word("bureau_sites", lang, online=sum(online.values()), sites=len(sites)))
    return 0


def _words(site: Mapping[str, object], lang: Language) -> Iterator[str]:
    if name := _text(site.get(_NAMES[lang])):
        yield name
    for key in _LISTED:
        value = site.get(key)
        texts = [_text(one) for one in value] if isinstance(value, list) else [_text(value)]
        if shown := ", ".join(filter(None, texts)):
            said = named(key, shown, lang) if lang == "zh" else shown
            yield f"{word(f'site_{key}', lang)}={said}{_nearness(site, lang) if key == 'valid_until' else ''}"


def _validity(site: Mapping[str, object]) -> dict[str, int]:
    left = _days_left(site)
    return {} if left is None else {"days_left": left}


def _nearness(site: Mapping[str, object], lang: Language) -> str:
    """That a temporary site's last day nears, or has passed."""
    left = _days_left(site)
    if left is None or left > NEAR_DAYS:
        return ""
    return word("site_over", lang, days=-left) if left < 0 else word("site_ends", lang, days=left)


def _days_left(site: Mapping[str, object]) -> int | None:
    """Local days from today to a temporary site's last one, below 0 where that has passed; None where it names none."""
    try:
        return date.fromisoformat(_text(site.get("valid_until"))).toordinal() - _EPOCH_DAY - local_day(now().wall_s)
    except ValueError:
        return None


def _text(value: object) -> str:
    """A foreign text, if it can be shown: control characters are somebody's attempt at our terminal."""
    return value[:_LONGEST] if isinstance(value, str) and value.isprintable() else ""

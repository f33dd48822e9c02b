"""What `hubpulse bureau sites` prints: who a store's sites are, by the newest `meta` of each, and who is connected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agent.cli.speech import say
from config.messages import Language, named, word

if TYPE_CHECKING:
    from agent.bureau.store import Store

_LONGEST = 100
_NAMES = {"en": "name_en", "zh": "name_zh"}
_LISTED = ("level", "tier", "carrier", "upstream", "downstream", "valid_until")


def listed(store: Store, lang: Language, *, as_json: bool) -> int:
    """Every site that has said what it is, or that it is there; 0."""
    described, online = store.described(), store.presence()
    sites = {path: described.get(path, {}) for path in sorted(described.keys() | online.keys())}
    if as_json:
        told = {path: dict(site) | {"online": online.get(path)} for path, site in sites.items()}
        print(json.dumps({"sites": told, "online": sum(online.values())}, ensure_ascii=False))
        return 0
    for path, site in sites.items():
        state = word("bureau_online" if online.get(path) else "bureau_offline", lang)
        say("  ".join([path, state, *_words(site, lang)]))
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
            yield f"{word(f'site_{key}', lang)}={said}"


def _text(value: object) -> str:
    """A foreign text, if it can be shown: control characters are somebody's attempt at our terminal."""
    return value[:_LONGEST] if isinstance(value, str) and value.isprintable() else ""

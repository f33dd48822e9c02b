"""What the load models remember over a restart, in one document, with the moment it was written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Protocol

from agent.load.instant import Instant

MOST = 2**53
"""Beyond any count and any clock; NaN is refused by the same comparison."""


class Remembers(Protocol):
    """A model of a line or of the site; `counted` names its counters by role, `bases` adds up their bases."""

    @property
    def counted(self) -> tuple[str, ...]: ...

    @property
    def bases(self) -> int: ...

    def kept(self) -> dict[str, object]: ...

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None: ...


def kept(at: Instant, lines: Mapping[str, Remembers], site: Remembers) -> dict[str, object]:
    """The document, JSON-able."""
    own = {name: _kept(model) for name, model in lines.items()}
    return {"at": at.to_list(), "site": _kept(site), "lines": own}


def _kept(model: Remembers) -> dict[str, object]:
    return {"of": _mark(model.counted), "bases": model.bases, **model.kept()}


@lru_cache(maxsize=256)
def _mark(counted: tuple[str, ...]) -> int:
    """Tells the counters of a model from others."""
    return zlib.crc32("\n".join(counted).encode())


def restore(
    document: Mapping[str, object],
    now: Instant,
    lines: Mapping[str, Remembers],
    site: Remembers,
    lost: Callable[[str, str], object],
) -> None:
    """Give every model what it kept; `lost` is told the name and reason of what cannot be. The counters must have been
    restored before. Over a reboot without a trusted clock the time between is taken as none. A model that counts by
    other counters than then, or one of whose counters could not be restored, begins anew: their totals do not continue
    what was kept.
    """
    if not document:
        return
    try:
        then = Instant.from_list(document.get("at"))
    except ValueError as error:
        lost("load", str(error))
        return
    shift_s = now.boot_s - then.boot_s - (now.since_s(then) or 0.0)
    own = document.get("lines")
    pasts = own if isinstance(own, dict) else {}
    _give("site", site, document.get("site"), shift_s, lost)
    for name, model in lines.items():
        _give(name, model, pasts.get(name), shift_s, lost)


def _give(name: str, model: Remembers, past: object, shift_s: float, lost: Callable[[str, str], object]) -> None:
    if past is None:
        return
    try:
        if not isinstance(past, dict) or not _bounded(past):
            raise ValueError("no memory of a line or site")
        if past.get("of") != _mark(model.counted):
            raise ValueError("it counted by other counters then")
        if past.get("bases", model.bases) != model.bases:
            raise ValueError("one of its counters does not go on from what it had counted")
        model.restore(past, shift_s)
    except (ValueError, TypeError) as error:
        lost(name, str(error))


def _bounded(value: object) -> bool:
    """Whether every number in it is one that a model can reckon with and JSON can hold."""
    if isinstance(value, dict):
        return all(map(_bounded, value.values()))
    if isinstance(value, list):
        return all(map(_bounded, value))
    return not isinstance(value, int | float) or abs(value) < MOST

"""What must outlive the process: epoch, counters' baselines, parted reads, as the blob that each frame carries."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.counter_states import packed, unpacked
from config.conflicts import UNTOLD_BYTES
from drivers.plan import Cut
from fastpath.json_text import json_text

_FORM = 1
MOST = 1 << 53
_FAR_S = 1 << 33  # a year 2242 that no time server said
_EPOCH = re.compile(r"([0-9]{1,15})-([0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class Epoch:
    """One run of the process. The nonce tells two runs apart even when a lying card forgot the number."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.number}-{self.nonce}"

    @classmethod
    def after(cls, number: int) -> Epoch:
        """The epoch that follows number `number`, with a nonce of its own."""
        return cls(number + 1, secrets.token_hex(3))


class Ended(NamedTuple):
    """How a run ended: its epoch, its last sequence number, and what it had counted itself, by stream."""

    epoch: Epoch
    seq: int
    events: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Baselines:
    """The state of one frame: whose epoch it was, its last sequence number, and each counter's state by name.

    `load` is what the load models remember, as they wrote it. `cuts` are the places, by device, where reads are parted
    because the device refused them together, `identities` what each device with a fingerprint was known by, `lockers`
    each locker's state by its id. `ntp_s` is the latest wall time that a time server vouched for, 0 when none ever did.
    `helm` is what was ordered, and how the inputs stood. `events` are what the agent itself counted in this epoch, by
    stream. `site` is whose all this is (`province/city/id`), "" where an older release did not say. `untold` are runs
    before this one, oldest first, of which the bureau may not know how they ended.
    """

    epoch: Epoch | None = None
    seq: int = 0
    counters: Mapping[str, list[object]] = field(default_factory=dict)
    cuts: Mapping[str, Sequence[Cut]] = field(default_factory=dict)
    load: Mapping[str, object] = field(default_factory=dict)
    identities: Mapping[str, object] = field(default_factory=dict)
    lockers: Mapping[str, object] = field(default_factory=dict)
    ntp_s: int = 0
    helm: Mapping[str, object] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    site: str = ""
    untold: Sequence[Ended] = ()

    @property
    def to_tell(self) -> Sequence[Ended]:
        """What the next run tells, and hands on until it is heard: the untold runs and this one, so many as fit."""
        return () if self.epoch is None else _fitting((*self.untold, Ended(self.epoch, self.seq, self.events)))

    def encode(self) -> bytes:
        """As JSON."""
        counters, moments = packed(self.counters)
        form: dict[str, object] = {"form": _FORM, "epoch": str(self.epoch or ""), "seq": self.seq, "counters": counters}
        more: dict[str, object] = {
            "moments": moments,
            "cuts": self.cuts,
            "load": self.load,
            "identities": self.identities,
            "lockers": self.lockers,
        }
        more |= {"helm": self.helm, "events": self.events, "site": self.site, "untold": _written(self.untold)}
        return json_text(form | {name: kept for name, kept in {**more, "ntp_s": self.ntp_s}.items() if kept})

    @classmethod
    def decode(cls, blob: bytes) -> Baselines:
        """The baselines in `blob`; an empty one holds none. ValueError with the reason for any other bytes."""
        if not blob:
            return cls()
        form = json.loads(blob)
        if not isinstance(form, dict) or form.get("form") != _FORM:
            raise ValueError("baselines of an unknown form")
        epoch, seq, counters = form.get("epoch"), form.get("seq"), form.get("counters")
        if not (isinstance(epoch, str) and isinstance(seq, int) and isinstance(counters, dict)):
            raise ValueError("baselines are incomplete")
        kept = unpacked(counters, form.get("moments"))
        load, known, lockers, helm = (_table(form.get(name)) for name in ("load", "identities", "lockers", "helm"))
        ntp_s = form.get("ntp_s", 0)
        vouched_s = ntp_s if type(ntp_s) is int and 0 <= ntp_s < _FAR_S else 0
        cuts, events, site = _cuts(form.get("cuts")), _counts(form.get("events")), form.get("site", "")
        whose = site if isinstance(site, str) else ""
        untold = _fitting(tuple(_ended(form.get("untold"))))
        return cls(_epoch(epoch), seq, kept, cuts, load, known, lockers, vouched_s, helm, events, whose, untold)


def _written(runs: Sequence[Ended]) -> list[object]:
    return [[str(one.epoch), one.seq, one.events] for one in runs]


def _ended(written: object) -> Iterator[Ended]:
    """The runs; what is none is left out."""
    for one in written if isinstance(written, list) else []:
        if isinstance(one, list) and len(one) == 3 and isinstance(one[0], str) and type(one[1]) is int:
            epoch = _epoch(one[0])
            if epoch is not None and 0 <= one[1] < MOST:
                yield Ended(epoch, one[1], _counts(one[2]))


def _fitting(runs: Sequence[Ended]) -> Sequence[Ended]:
    """The newest of them, so many as may be kept, and one at least."""
    left_bytes = UNTOLD_BYTES
    for place in reversed(range(len(runs))):
        left_bytes -= len(json_text({"": _written(runs[place : place + 1])}))
        if left_bytes < 0:
            return runs[place + 1 :] or runs[-1:]
    return runs


def _table(written: object) -> dict[str, object]:
    return written if isinstance(written, dict) else {}


def _counts(written: object) -> dict[str, int]:
    """Counts by stream; what is none is left out."""
    return {name: count for name, count in _table(written).items() if type(count) is int and 0 < count < MOST}


def _cuts(written: object) -> dict[str, list[Cut]]:
    """The cuts by device; what is no cut is left out, for the worst of it is a read too many."""
    by_device = written if isinstance(written, dict) else {}
    return {
        device: [(one[0], one[1]) for one in cuts if isinstance(one, list) and len(one) == 2]
        for device, cuts in by_device.items()
        if isinstance(cuts, list)
    }


def _epoch(text: str) -> Epoch | None:
    found = _EPOCH.fullmatch(text)
    return Epoch(int(found[1]), found[2]) if found else None

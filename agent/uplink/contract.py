"""The contract with the bureau: its topics, its payloads, and how a spool record holds a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.load.instant import Instant
from fastpath.json_text import json_text

ROOT = "hubpulse/v1"
SCHEMA = 1
Json: TypeAlias = Mapping[str, object]

_RECORD_FORM = 0x10
_RETAIN = 0x01
_TAIL = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who publishes: the place in the topic tree, the name at the broker, and which run of which version this is."""

    prov: str
    city: str
    site: str
    client_id: str
    epoch_number: int
    epoch: str
    version: str
    cfg: str

    def topic(self, tail: str) -> str:
        """The full topic of this site's `tail`."""
        return f"{ROOT}/{self.prov}/{self.city}/{self.site}/{tail}"


@dataclass(frozen=True, slots=True)
class Message:
    """What one spool record holds: the topic below the site, the payload, and whether the broker keeps it."""

    tail: str
    payload: bytes
    retain: bool = False

    def encode(self) -> bytes:
        """The record's bytes: form and flag, length of the topic, topic, payload."""
        tail = self.tail.encode("ascii")
        return bytes((_RECORD_FORM | (_RETAIN if self.retain else 0), len(tail))) + tail + self.payload

    @classmethod
    def decode(cls, record: bytes) -> Message:
        """The message in `record`; ValueError when these bytes are none."""
        if len(record) < 2 or record[0] not in {_RECORD_FORM, _RECORD_FORM | _RETAIN}:
            raise ValueError("a record of an unknown form")
        end = 2 + record[1]
        tail = record[2:end].decode("ascii")
        if len(record) < end or not _TAIL.fullmatch(tail):
            raise ValueError("a record without a topic")
        return cls(tail, record[end:], bool(record[0] & _RETAIN))


@dataclass(frozen=True, slots=True)
class Head:
    """What every message begins with. `at` is the end of its window on both clocks: a wrong wall time can be mended."""

    at: Instant
    epoch: str
    seq: int
    mode: str = "normal"
    plan: str = ""
    suspended: str = ""
    exercise: bool = False

    def fields(self, quality: str = "good") -> dict[str, object]:
        """The head as payload fields, `quality` as `q`."""
        return {
            "v": SCHEMA,
            "ts": wall_ms(self.at),
            "tsq": self.at.quality,
            "boot": self.at.boot_id[:8],
            "mono_ms": int(self.at.boot_s * 1000),
            "epoch": self.epoch,
            "seq": self.seq,
            "mode": self.mode,
            **self._ordered(),
            "q": quality,
        }

    def _ordered(self) -> dict[str, object]:
        """The plan in force, why the site is suspended, whether all this is a drill: where there is anything to say."""
        if not (self.plan or self.suspended or self.exercise):
            return {}
        said = {"plan": self.plan, "suspended": self.suspended, "exercise": self.exercise}
        return {name: value for name, value in said.items() if value}


def demand_schema(fields: Mapping[str, object]) -> None:
    """ValueError where there is a `v` and it is not SCHEMA: what stands beside it may mean something else."""
    if fields.get("v", SCHEMA) != SCHEMA:
        raise ValueError(f"`v` is not {SCHEMA}: a schema that is not known here")


def wall_ms(at: Instant) -> int:
    """Unix milliseconds, UTC."""
    return int(at.wall_s * 1000)


def compact(fields: Json) -> bytes:
    """JSON without spaces, Chinese as it is; None at the top is left out. ValueError for numbers JSON does not have."""
    kept = dict(fields)
    if None in kept.values():
        kept = {name: value for name, value in kept.items() if value is not None}
    return json_text(kept)


def birth(identity: Identity, sid: int, at: Instant) -> bytes:
    """What `status` says from the moment the broker has accepted us."""
    who = {"online": True, "sid": sid, "epoch": identity.epoch, "ver": identity.version, "cfg": identity.cfg}
    return compact({**who, "ts": wall_ms(at), "tsq": at.quality})


def death(sid: int, reason: str) -> bytes:
    """What `status` says when we are gone: `lwt` is the broker's word, `shutdown` our own."""
    return compact({"online": False, "sid": sid, "reason": reason})

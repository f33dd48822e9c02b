"""Whether a site is ready for the season: what the running agent said twice, judged point by point.

Ready is only what was seen to be: a counter that did not move, a scanner that sent nothing, an agent too young to know
how long its spool lasts, a clock that nobody vouches for are not. No finding is good for want of knowledge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.uplink.spool.remedy import in_words, remedy

Json = Mapping[str, Any]
Verdict = Literal["good", "bad", "unknown"]

LEAST_HOURS = 24.0
"""So long must what is free of the spool last: a night and the day on which somebody comes."""

LEAST_DAYS = 30.0
"""A certificate that ends sooner ends in the season."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One point. `why` is the word of the catalogue `ready_{why}` that says what was seen, with its `values`."""

    check: str
    subject: str
    verdict: Verdict
    why: str
    values: Mapping[str, object] = field(default_factory=dict)


def judged(first: Json, last: Json) -> list[Finding]:
    """Every point, from what the agent said first and last."""
    return [
        Finding("agent", str(last["site"]), "good", "version", {"version": last["version"]}),
        *_devices(last["devices"]),
        *_scanners(first["scanners"], last["scanners"]),
        *_counters(first["counters"], last["counters"]),
        *_inputs(last["inputs"]),
        _clock(last["clock"]),
        *_supply(last["machine"]),
        *_spool(last["spool"]),
        *_broker(first, last),
        *_certificates(last),
    ]


def is_ready(findings: Sequence[Finding]) -> bool:
    """Whether every point is good."""
    return all(one.verdict == "good" for one in findings)


def watched_from(first: Json, now: Json) -> dict[str, Any]:
    """`first`, but a counter that had no base then, or has another since, is watched from what it says now, and so is a
    scanner that was not known then."""
    before = first["counters"]
    known = {name: was for name, was in before.items() if was["base"] == now["counters"].get(name, was)["base"]}
    scanners = {**now["scanners"], **first["scanners"]}
    return {**first, "counters": {**now["counters"], **known}, "scanners": scanners}


def unmoved(first: Json, last: Json) -> list[str]:
    """The counters that have not been seen to count between the two."""
    before, after = first["counters"], last["counters"]
    return [name for name, now in after.items() if not _moved(before.get(name), now)]


def unheard(first: Json, last: Json) -> list[str]:
    """The scanners of which nothing has been heard between the two, or that are away at the end."""
    before, after = first["scanners"], last["scanners"]
    return [name for name, now in after.items() if not (now["up"] and _sent_octets(before.get(name), now))]


def is_delivering(first: Json, last: Json) -> bool:
    """Whether the bureau's side has taken something between the two."""
    return bool(last["spool"]["acked"] > first["spool"]["acked"])


def _moved(before: Json | None, now: Json) -> bool:
    same = before is not None and before["base"] == now["base"] != 0
    return same and before is not None and now["total"] > before["total"]


def _sent_octets(before: Json | None, now: Json) -> int:
    """What a scanner has sent since; nothing is known of one that was not there before."""
    return 0 if before is None else int(now["octets"] - before["octets"])


def _devices(devices: Mapping[str, Json]) -> Iterator[Finding]:
    for name, one in devices.items():
        seen = {"reason": one["reason"], "points": ", ".join([*one["unsupported"], *one["unasked"]])}
        if one["online"] is None:
            yield Finding("device", name, "unknown", "not_asked", seen)
        elif not one["online"] and one["wire"]:
            yield Finding("device", name, "bad", "wire_down", {"bus": one["bus"], "wire": one["wire"]})
        elif not one["online"]:
            yield Finding("device", name, "bad", "board_away" if one["board"] else "away", seen)
        elif seen["points"]:
            yield Finding("device", name, "bad", "lacks", seen)
        elif one["known_as"] is not None:
            yield Finding("device", name, "good", "answers_as", {"known_as": one["known_as"]})
        else:
            yield Finding("device", name, "good", "answers")


def _scanners(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Finding]:
    """An open connection is not enough: a serial line opens also where no scanner is plugged in."""
    for name, now in after.items():
        octets = _sent_octets(before.get(name), now)
        if not now["up"]:
            yield Finding("scanner", name, "bad", "unlinked", {"reason": now["reason"]})
        elif octets > 0:
            yield Finding("scanner", name, "good", "heard", {"octets": octets})
        else:
            yield Finding("scanner", name, "unknown", "unheard", {"reason": now["reason"]})


def _counters(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Finding]:
    for name, now in after.items():
        if _moved(before.get(name), now):
            counted = now["total"] - before[name]["total"]
            yield Finding("counter", name, "good", "moved", {"counted": counted, "total": now["total"]})
        elif not now["fresh"]:
            yield Finding("counter", name, "unknown", "silent")
        else:
            yield Finding("counter", name, "bad", "stood_still", {"total": now["total"]})


def _inputs(inputs: Mapping[str, str]) -> Iterator[Finding]:
    for name, state in inputs.items():
        known = state != "unknown"
        yield Finding("input", name, "good" if known else "unknown", "told" if known else "silent", {"state": state})


def _clock(quality: str) -> Finding:
    whys: dict[str, tuple[Verdict, str]] = {"ntp": ("good", "clock_ntp"), "rtc": ("unknown", "clock_rtc")}
    verdict, why = whys.get(quality, ("bad", "clock_none"))
    return Finding("clock", "", verdict, why)


def _supply(machine: Json) -> Iterator[Finding]:
    """That most machines do not tell is no reason to call their site not ready."""
    if "undervolt" in machine:
        weak = bool(machine["undervolt"])
        yield Finding("supply", "", "bad" if weak else "good", "supply_weak" if weak else "supply_good")


def _spool(spool: Json) -> Iterator[Finding]:
    if spool["place"] == "disk":
        yield Finding("spool", "", "good", "spool_disk")
    else:
        seen = {"reason": in_words(spool["reason"]), "directory": spool["directory"], "do": remedy(spool["reason"])}
        yield Finding("spool", "", "bad", "spool_ram", seen)
    hours = spool["hours_left"]
    verdict: Verdict = "unknown" if hours is None else "good" if hours >= LEAST_HOURS else "bad"
    why = {"unknown": "hours_unknown", "good": "hours", "bad": "hours_few"}[verdict]
    yield Finding("buffer", "", verdict, why, {"hours": hours, "least": round(LEAST_HOURS)})


def _broker(first: Json, last: Json) -> Iterator[Finding]:
    uplink = last["uplink"]
    if not uplink["connected"]:
        seen = {"reason": uplink["reason"], "waiting": last["spool"]["held"]}
        yield Finding("broker", "", "bad", "not_connected", seen)
    elif uplink["denied"] or uplink["deaf"]:
        topics = ", ".join([*uplink["denied"], *uplink["deaf"]])
        yield Finding("broker", "", "bad", "denied", {"topics": topics})
    elif uplink["duplicate_identity"]:
        yield Finding("broker", "", "bad", "another")
    elif uplink["no_subscribers"]:
        yield Finding("broker", "", "bad", "nobody_listens")
    else:
        yield Finding("broker", "", "good", "connected", {"protocol": uplink["protocol"]})
    taken = last["spool"]["acked"] - first["spool"]["acked"]
    whose = "receipts" if last["receipts"] else "delivered"
    if is_delivering(first, last):
        yield Finding("delivery", "", "good", whose, {"taken": taken})
    else:
        yield Finding("delivery", "", "unknown", f"no_{whose}" if uplink["connected"] else "nothing_delivered")


def _certificates(last: Json) -> Iterator[Finding]:
    if not last["tls"]:
        yield Finding("certificate", "", "good", "no_tls")
        return
    days_left: Mapping[str, float] = last["certificate_days"] or {}
    for which in last["tls"]:
        days = days_left.get(which)
        verdict: Verdict = "unknown" if days is None else "good" if days >= LEAST_DAYS else "bad"
        why = {"unknown": "days_unknown", "good": "days", "bad": "days_few"}[verdict]
        yield Finding("certificate", which, verdict, why, {"days": days, "least": round(LEAST_DAYS)})

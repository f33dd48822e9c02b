"""Ask the running agent how it stands: what waits to be delivered, for how long there is room, clock, devices, mode.

It tells of the machine, too, and looks at nothing but the agent, so it works while the network is away.
`hubpulse ready` watches and judges.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from agent.cli import local_order
from agent.cli.commissioning import reason_in_words
from agent.cli.mode import in_force
from agent.cli.speech import chosen_language, say
from agent.json_talk import UntoldError
from config.faults import columns
from config.messages import Language, named, reason, word

_TITLE_COLUMNS = 11
_OF_MACHINE = ("temp_c", "mem_free_mb", "disk_free_mb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    local_order.add_agent(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    facts = local_order.ask(args, lang, "survey")
    steer = None if facts is None else local_order.ask(args, lang, "alarms")
    if facts is None or steer is None:
        return 1
    if args.json:
        print(json.dumps(_told(facts, steer), ensure_ascii=False))
        return 0
    try:
        rows = [_row(name, said, lang) for name, said in _rows(facts, steer, lang)]
    except UntoldError:
        return local_order.fail(lang, local_order.OTHER_RELEASE)
    say("\n".join(rows))
    return 0


def _told(facts: Mapping[str, Any], steer: Mapping[str, Any]) -> dict[str, Any]:
    """For machines: all of the agent's facts but those of single counters, and what is in force."""
    of_agent = {name: value for name, value in facts.items() if name not in {"ok", "counters"}}
    return of_agent | {"steer": {name: value for name, value in steer.items() if name not in {"ok", "inputs"}}}


def _row(name: str, said: str, lang: Language) -> str:
    title = word(f"status_{name}", lang)
    return f"{title}{' ' * max(1, _TITLE_COLUMNS - columns(title))}{said}"


def _rows(facts: Mapping[str, Any], steer: Mapping[str, Any], lang: Language) -> Iterator[tuple[str, str]]:
    up = span(facts["up_s"], lang)
    yield "agent", word("status_of_agent", lang, site=facts["site"], version=facts["version"], up=up)
    yield "bureau", bureau_in_words(facts["uplink"], lang)
    if refused := [*facts["uplink"]["denied"], *facts["uplink"]["deaf"]]:
        yield "refused", word("ready_denied", lang, topics=", ".join(refused))
    yield "waiting", waiting_in_words(facts, lang)
    yield "spool", _spool(facts["spool"], lang)
    yield "devices", devices_in_words(facts["devices"], lang)
    yield "counters", _counters(facts["counters"], lang)
    yield "clock", named("ready_clock", facts["clock"], lang)
    if machine := machine_in_words(facts["machine"], lang):
        yield "machine", machine
    yield "mode", in_force(steer, lang)


def bureau_in_words(uplink: Mapping[str, Any], lang: Language) -> str:
    """Whether the bureau is there, or since when and why not."""
    lasted = span(uplink["for_s"], lang)
    if uplink["connected"]:
        said = word("status_connected", lang, protocol=uplink["protocol"], lasted=lasted)
        return said + (word("status_nobody", lang) if uplink["no_subscribers"] else "")
    return word("status_away", lang, broker=uplink["broker"], reason=uplink["reason"], lasted=lasted)


def waiting_in_words(facts: Mapping[str, Any], lang: Language) -> str:
    """What the spool holds, how much of that only lacks the bureau's receipt, and for how long there is room."""
    held, hours = facts["spool"]["held"], facts["spool"]["hours_left"]
    room = word("ready_hours_unknown", lang) if hours is None else word("ready_hours", lang, hours=hours)
    said = word("status_messages", lang, count=held, room=room)
    sent = held - facts["uplink"]["waiting"]
    return said + (word("status_unreceipted", lang, count=sent) if facts["receipts"] and sent > 0 else "")


def _spool(spool: Mapping[str, Any], lang: Language) -> str:
    if spool["place"] == "disk":
        return word("comma", lang).join((spool["directory"], word("ready_spool_disk", lang)))
    from agent.uplink.spool.remedy import in_words, remedy

    why, directory = spool["reason"], spool["directory"]
    return word("ready_spool_ram", lang, directory=directory, reason=in_words(why), do=remedy(why))


def devices_in_words(devices: Mapping[str, Any], lang: Language) -> str:
    """How many answer, which do not and why, and what one that answers refuses."""
    away = [
        word("status_because", lang, device=name, why=_why(one, lang))
        for name, one in devices.items()
        if one["online"] is not True
    ]
    said = word("status_answer", lang, answer=len(devices) - len(away), all=len(devices))
    return said + (word("status_not", lang, names=", ".join(away)) if away else "") + _lacks(devices, lang)


def _why(away: Mapping[str, Any], lang: Language) -> str:
    """Why a device does not answer."""
    if away["online"] is None:
        return word("ready_not_asked", lang)
    return reason(away["wire"], lang) if away["wire"] else reason_in_words(away["reason"], lang)


def _lacks(devices: Mapping[str, Any], lang: Language) -> str:
    """Which points the devices that answer refuse."""
    points = {name: ", ".join([*one["unsupported"], *one["unasked"]]) for name, one in devices.items() if one["online"]}
    return "".join(
        word("status_lacks", lang, device=name, lacks=word("ready_lacks", lang, points=lacks))
        for name, lacks in points.items()
        if lacks
    )


def _counters(counters: Mapping[str, Any], lang: Language) -> str:
    silent = [name for name, one in counters.items() if not one["fresh"]]
    said = word("status_fresh", lang, fresh=len(counters) - len(silent), all=len(counters))
    return said + (word("status_not", lang, names=", ".join(silent)) if silent else "")


def machine_in_words(machine: Mapping[str, Any], lang: Language) -> str:
    """Its supply, its heat, and what is free: what it tells of them."""
    said = [word(f"status_{name}", lang, value=machine[name]) for name in _OF_MACHINE if name in machine]
    if "undervolt" in machine:
        said.append(word("ready_supply_weak" if machine["undervolt"] else "ready_supply_good", lang))
    return word("comma", lang).join(said)


def span(seconds: float, lang: Language) -> str:
    """How long something has lasted, in its two largest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return word("span_days", lang, days=days, hours=hours % 24)
    if hours:
        return word("span_hours", lang, hours=hours, minutes=minutes % 60)
    return word("span_minutes", lang, minutes=minutes, seconds=int(seconds) % 60)

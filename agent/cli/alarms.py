"""List the alarms of the site, those that stand and those that are over, or acknowledge one.

hubpulse alarms                 what stands, what came first, who has seen it
hubpulse alarms ack smoke-1     say that you have seen it
hubpulse alarms ack smoke-1 --onset 1795467585123
                                this one, and none that began since
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from agent.cli import local_order
from agent.cli.local_time import to_the_second
from agent.cli.speech import chosen_language, spoken
from config.messages import Language, kind, severity, word

_REFUSALS = {"no_alarm": "E2758", "acknowledged": "E2759", "other_onset": "E2780"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        type=_action,
        choices=("ack",),
        metavar="ack",
        help="ack: acknowledge the alarm that follows",
    )
    parser.add_argument("alarm", nargs="?", metavar="ALARM", help="its input's name")
    parser.add_argument(
        "--onset", type=int, metavar="MS", help="when it began, Unix ms as --json lists it: no other is acknowledged"
    )
    local_order.add_by(parser)
    local_order.add_agent(parser)


def _action(text: str) -> str:
    if text != "ack":
        raise argparse.ArgumentTypeError(word("typed_no_ack", spoken(), text=text))
    return text


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    if args.what == "ack" and args.alarm is None:
        local_order.fail(lang, "E2779", as_json=args.json)
        return 2
    if args.what == "ack":
        seen = {"alarm": args.alarm, "by": args.by or local_order.user(), "onset": args.onset}
        said = local_order.ask(args, lang, "acknowledge", seen, refusals=_REFUSALS)
    else:
        said = local_order.ask(args, lang, "alarms")
    if said is None:
        return 1
    if args.json:
        print(json.dumps({name: value for name, value in said.items() if name != "ok"}, ensure_ascii=False))
    elif args.what == "ack":
        print(word("alarm_acknowledged", lang, alarm=said["alarm"], by=said["acked_by"]))
    else:
        print("\n".join(_listed(said, lang)))
    return 0


def _listed(said: dict[str, Any], lang: Language) -> list[str]:
    rows = [_row(one, "alarm_stands" if one["known"] else "alarm_unknown", lang) for one in said["active"]]
    rows += [_row(one, "alarm_over", lang) for one in said["over"]]
    silent = sorted(name for name, state in said["inputs"].items() if state == "unknown")
    if silent:
        rows.append(word("inputs_silent", lang, names=", ".join(silent)))
    return rows or [word("no_alarms", lang)]


def _row(one: dict[str, Any], state: str, lang: Language) -> str:
    head = f"{to_the_second(one['onset'] / 1000)}  {word(state, lang):<8}  {one['alarm']:<20}"
    return "  ".join((head, *_what(one, lang), *_course(one, lang)))


def _course(one: dict[str, Any], lang: Language) -> Iterator[str]:
    """When it ended, who has seen it, what came before it, and that it is a drill."""
    if one["over"] is not None:
        yield word("alarm_ended", lang, at=to_the_second(one["over"] / 1000))
    by = one["acked_by"]
    yield word("alarm_seen", lang, by=by) if by else word("alarm_unseen", lang)
    if one["first"] != one["alarm"]:
        yield word("alarm_after", lang, first=one["first"])
    if one.get("exercise"):
        yield word("alarm_drill", lang)


def _what(one: dict[str, Any], lang: Language) -> Iterator[str]:
    """Its name, what it is, where and how bad; nothing where its input is no more in the settings."""
    if "as" not in one:
        return
    if (name := one[f"name_{lang}"]) != one["alarm"]:
        yield name
    where = one.get(f"line_name_{lang}") or word("alarm_of_site", lang)
    yield word("comma", lang).join((kind(one["as"], lang), where, severity(one["severity"], lang)))

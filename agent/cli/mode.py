"""Show in which mode the site works, or order another one here: peak, emergency, suspended, normal.

  hubpulse mode                                   what is in force
  hubpulse mode emergency --for 4h --exercise     a drill
  hubpulse mode suspended --reason weather --until "2026-11-26 18:00"
  hubpulse mode normal                            end every mode that was ordered

Thresholds are those of the mode; a suspended site that moves nothing is no alarm. Every message says the mode;
the audit trail and `cmd/ack` say who ordered it. At its end the site is back in the mode before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from agent.cli import local_order
from agent.cli.local_time import moment, to_the_minute
from agent.cli.quantities import duration
from agent.cli.speech import chosen_language
from agent.clock import now
from agent.orders.order import REASONS
from agent.orders.post import SETTINGS
from config.load_settings import MODES
from config.messages import Language, named, word

_SHOWN = ("mode", "suspended", "to", "by", "exercise", "plan", "plan_to", "waiting")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mode", nargs="?", choices=MODES, help="without it: show what is in force")
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="so long: 30m, 4h")
    until.add_argument("--until", type=moment, metavar='"YYYY-MM-DD HH:MM"', help="until then, local time (UTC+8)")
    parser.add_argument("--reason", choices=REASONS, help="of a suspension")
    parser.add_argument("--note", metavar="TEXT", help="for whoever reads it")
    parser.add_argument("--exercise", action="store_true", help="a drill: all messages say so")
    local_order.add_by(parser)
    local_order.add_agent(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    if args.mode is None and (args.for_s is not None or args.until is not None or args.reason):
        local_order.fail(lang, "E2774", as_json=args.json)
        return 2
    if args.mode is None:
        said = local_order.ask(args, lang, "alarms")
        if said is not None and not said.keys() >= set(_SHOWN):
            return local_order.fail(lang, local_order.OTHER_RELEASE, as_json=args.json)
        shown = None if said is None else {name: said[name] for name in _SHOWN}
    else:
        if fault := _fault(args):
            return local_order.fail(lang, fault, as_json=args.json, mode=args.mode, now=to_the_minute(now().wall_s))
        said = local_order.ask(args, lang, "mode", _fields(args))
        shown = said
    if shown is None:
        return 1
    if args.json:
        print(json.dumps({name: value for name, value in shown.items() if name != "ok"}))
    else:
        print(_ordered(args, lang) if args.mode else in_force(shown, lang))
    return 0


def _ordered(args: argparse.Namespace, lang: Language) -> str:
    """What was ordered, with its end, and that it is a drill."""
    parts = [word(f"mode_{args.mode}", lang), *_until(_end_ms(args), lang)]
    parts += [word("mode_exercise", lang)] if args.exercise else []
    return word("mode_ordered", lang, mode=word("comma", lang).join(parts))


def _end_ms(args: argparse.Namespace) -> int | None:
    end_s = args.until if args.for_s is None else now().wall_s + args.for_s
    return None if end_s is None else int(1000 * end_s)


def _fault(args: argparse.Namespace) -> str:
    """The code of what is wrong with an order, "" where nothing is."""
    if args.mode == "suspended" and args.reason is None:
        return "E2757"
    if args.mode != "suspended" and args.reason is not None:
        return "E2773"
    if args.until is not None and args.until <= now().wall_s:
        return "E2756"
    endless = args.for_s is None and args.until is None
    return "E2762" if endless and args.mode != "normal" else ""


def in_force(shown: Mapping[str, Any], lang: Language) -> str:
    """The mode with its cause, end, who ordered it and whether it is a drill, then the plan with its end."""
    parts = [named("mode", shown["mode"], lang)]
    if shown["suspended"]:
        parts.append(named("suspended", shown["suspended"], lang))
    parts += _until(shown["to"], lang)
    by = shown["by"]
    parts.append(word("mode_by_settings", lang) if by == SETTINGS else word("mode_by", lang, by=by))
    if shown["exercise"]:
        parts.append(word("mode_exercise", lang))
    plan = [shown["plan"] or "–", *_until(shown["plan_to"], lang)]
    comma = word("comma", lang)
    said = word("mode_in_force", lang, mode=comma.join(parts), plan=comma.join(plan))
    waiting = [_waits(one, lang) for one in shown["waiting"]]
    return said + (word("mode_waiting", lang, orders=comma.join(waiting)) if waiting else "")


def _waits(order: Mapping[str, str], lang: Language) -> str:
    if order["kind"] == "mode":
        return word("waits_mode", lang, what=named("mode", order["mode"], lang), by=order["by"])
    return word("waits_plan", lang, what=order["plan"], by=order["by"])


def _until(end_ms: int | None, lang: Language) -> list[str]:
    return [] if end_ms is None else [word("mode_until", lang, end=to_the_minute(end_ms / 1000))]


def _fields(args: argparse.Namespace) -> dict[str, object]:
    return {
        "mode": args.mode,
        "to": _end_ms(args),
        "reason": args.reason,
        "note": args.note,
        "exercise": args.exercise or None,
        "by": args.by or local_order.user(),
    }

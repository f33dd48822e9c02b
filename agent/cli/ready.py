"""Ask the running agent whether the site is ready for the season: one report, point by point.

Every device answers, every counter moves, every scanner sends, inputs are known, the clock is synchronised, no weak
supply was seen, the spool has a day of room, the broker takes what is sent, certificates last a month. Run parcels (or
your hand) past every counter and a label past every scanner while it watches; it ends as soon as all have told of it,
at the latest after --for. What is not known is not ready. Exit code 0 only when everything is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from agent.cli import local_order
from agent.cli.commissioning import reason_in_words
from agent.cli.quantities import duration
from agent.cli.speech import chosen_language, say
from config.messages import Language, Refusal, named, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.readiness import Finding

_LOOK_S = 1.0
_RED, _GREEN, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
_COLOURS = {"good": _GREEN, "bad": _RED, "unknown": _YELLOW}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="for_s", type=duration, default=90.0, metavar="TIME", help="watch them at most so long (90s)"
    )
    local_order.add_agent(parser)


def run(args: argparse.Namespace) -> int:
    from agent.control import ControlError
    from agent.control.remote import Remote
    from agent.json_talk import UntoldError
    from agent.readiness import is_ready, judged

    lang = chosen_language(args.lang, sys.stdout)
    try:
        with Remote(args.control) as agent:
            first, last, watched_s = _watched(args, agent, lang)
        findings = judged(first, last)
    except UntoldError:
        return local_order.fail(lang, local_order.OTHER_RELEASE, as_json=args.json)
    except OSError as error:
        return local_order.fail_away(args, lang, "E2770", error)
    except ControlError as error:
        return local_order.fail(lang, "E2761", as_json=args.json, reason=Refusal(error.reason, error.detail))
    if args.json:
        print(json.dumps(_told(last, findings, watched_s), ensure_ascii=False))
    else:
        say("\n".join(_table(findings, lang, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    return 0 if is_ready(findings) else 1


def _watched(args: argparse.Namespace, agent: Any, lang: Language) -> tuple[dict[str, Any], dict[str, Any], float]:
    """What the agent says first, and what it says when everything has been seen to work or the time is over."""
    from agent.readiness import is_delivering, unheard, unmoved, watched_from

    live = sys.stderr.isatty() and not args.json
    began_s = time.monotonic()
    first = last = agent.ask("survey")
    while (waiting := unmoved(first, last) + unheard(first, last)) or not is_delivering(first, last):
        left_s = began_s + args.for_s - time.monotonic()
        if left_s <= 0:
            break
        if live:
            watched = len(last["counters"]) + len(last["scanners"])
            said = word("ready_progress", lang, seen=watched - len(waiting), watched=watched, left=round(left_s))
            print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)
        time.sleep(min(_LOOK_S, left_s))
        last = agent.ask("survey")
        first = last if last["up_s"] < first["up_s"] else watched_from(first, last)
    if live:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return first, last, time.monotonic() - began_s


def _told(last: dict[str, Any], findings: Sequence[Finding], watched_s: float) -> dict[str, object]:
    from agent.readiness import is_ready

    points = [
        {"check": one.check, "subject": one.subject, "verdict": one.verdict, "why": one.why, **one.values}
        for one in findings
    ]
    head = {"ready": is_ready(findings), "site": last["site"], "version": last["version"]}
    return head | {"watched_s": round(watched_s, 1), "findings": points}


def _table(findings: Sequence[Finding], lang: Language, *, colour: bool) -> list[str]:
    """A row for each point; what is not ready first, so that it stands out on a small screen's end, last."""
    from agent.readiness import is_ready

    rows = []
    for one in sorted(findings, key=lambda one: one.verdict != "good"):
        mark = word(f"ready_{one.verdict}", lang)
        shown = f"{_COLOURS[one.verdict]}{mark}{_PLAIN}" if colour else mark
        what = f"{word(f'ready_of_{one.check}', lang)} {one.subject}".rstrip()
        rows.append(f"{shown}  {what}{word('colon', lang)}{word(f'ready_{one.why}', lang, **_values(one, lang))}")
    wrong = sum(one.verdict != "good" for one in findings)
    rows.append("")
    rows.append(word("ready_yes" if is_ready(findings) else "ready_no", lang, wrong=wrong, points=len(findings)))
    return rows


def _values(one: Finding, lang: Language) -> dict[str, object]:
    """What fills the words of a finding, in words where there are any."""
    said: dict[str, object] = {}
    if one.why in {"away", "board_away"}:
        said["reason"] = reason_in_words(str(one.values["reason"]), lang)
    if one.why == "told":
        said["state"] = named("contact", str(one.values["state"]), lang)
    return {**one.values, **said}

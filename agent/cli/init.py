"""Write a commented configuration to begin with; it passes `hubpulse check` as it stands."""

from __future__ import annotations

import argparse
import contextlib
import grp
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import config
from agent.cli import exits
from agent.cli.check import DEFAULT_FILE, EXIT_FAULTS
from agent.cli.speech import add_language, again, chosen_language, say
from config import messages, spans
from config.messages import Language

EXAMPLE = Path(config.__file__).parent / "example.toml"
_MODE = 0o640
_KEYS = {
    "site": ("site", "id"),
    "name_zh": ("site", "name_zh"),
    "name_en": ("site", "name_en"),
    "province": ("site", "province"),
    "city": ("site", "city"),
    "level": ("site", "level"),
    "bureau": ("bureau", "host"),
    "username": ("bureau", "username"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", default=DEFAULT_FILE, help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="replace a file that is already there")
    parser.add_argument("--ask", action="store_true", help="ask for the site's name and place")
    parser.add_argument("--site", metavar="ID", help="id of the site, for example gz-baiyun")
    parser.add_argument("--name-zh", metavar="NAME", help="its Chinese name")
    parser.add_argument("--name-en", metavar="NAME", help="its English name")
    parser.add_argument("--province", metavar="NN", help="GB/T 2260, two digits; taken from --city when left out")
    parser.add_argument("--city", metavar="NNNN", help="GB/T 2260, four digits")
    parser.add_argument(
        "--level", metavar="LEVEL", help="province_hub, city_hub, hub (rank not known), outlet, locker or temporary"
    )
    parser.add_argument("--bureau", metavar="HOST", help="the bureau's broker")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    if args.ask and not sys.stdin.isatty():
        say(messages.word("no_terminal", lang))
        return 2
    answers = {name: getattr(args, name, None) for name in _KEYS}
    if args.ask:
        answers |= _asked(answers, lang)
    given = [f"--{name.replace('_', '-')} {answer}" for name, answer in answers.items() if answer]
    raw = filled(EXAMPLE.read_text("utf-8"), _completed(answers)).encode("utf-8", "replace")
    report = config.check_text(str(args.file), raw)
    if report.faults:
        unfit = messages.word("init_unfit", lang, file=args.file, given=", ".join(given))
        say("\n\n".join([*(fault.render(lang) for fault in report.faults), unfit]))
        return EXIT_FAULTS
    return _written(args.file, raw, lang, force=args.force)


def filled(example: str, answers: Mapping[tuple[str, str], str]) -> str:
    """`example` with the values of these keys, named by table and key, replaced; comments stay."""
    pieces, done, table = list[str](), 0, ""
    for statement in spans.scan(example):
        name = ".".join(key.name for key in statement.keys)
        table = name if statement.kind == "header" else table
        if statement.value and (table, name) in answers:
            pieces += [example[done : statement.value.start], json.dumps(answers[table, name], ensure_ascii=False)]
            done = statement.value.end
    return "".join([*pieces, example[done:]])


def _completed(answers: dict[str, str | None]) -> dict[tuple[str, str], str]:
    if answers["city"] and not answers["province"]:
        answers["province"] = answers["city"][:2]
    if site := answers["site"]:  # nothing of the example's own site stays behind
        answers["username"] = site
        answers["name_zh"] = answers["name_zh"] or answers["name_en"] or site
        answers["name_en"] = answers["name_en"] or site
    return {_KEYS[name]: answer for name, answer in answers.items() if answer is not None}


def _asked(known: Mapping[str, str | None], lang: Language) -> dict[str, str | None]:
    open_questions = [name for name in ("site", "name_zh", "name_en", "city", "level", "bureau") if known[name] is None]
    return {name: input(messages.word(f"ask_{name}", lang) + ": ").strip() or None for name in open_questions}


def _written(target: Path, raw: bytes, lang: Language, *, force: bool) -> int:
    try:
        made = put(target, raw, force=force)
    except FileExistsError as error:
        say(messages.word("exists", lang, file=target))
        return exits.status(error)
    except OSError as error:
        say(messages.word("cannot_write", lang, file=target, reason=error.strerror))
        return exits.status(error)
    say("\n".join([*folders_made(made, lang), messages.word("wrote", lang, file=target)]))
    say(messages.word("next_step", lang, file=target, again=again(lang, sys.stdout)))
    return 0


def folders_made(made: Sequence[Path], lang: Language) -> list[str]:
    """A line for each folder that was not there before."""
    return [messages.word("made_folder", lang, folder=folder) for folder in made]


def put(target: Path, raw: bytes, *, force: bool) -> list[Path]:
    """Put the whole file in place or nothing, and give the folders that had to be made, outermost first.

    FileExistsError when it is there and may not be replaced.
    """
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open("xb") as opened:
            os.fchmod(opened.fileno(), _MODE)
            _give_to_group(opened.fileno())
            opened.write(raw)
            opened.flush()
            os.fsync(opened.fileno())
        if force:
            beside.replace(target)
        else:
            os.link(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    return missing[::-1]


def _give_to_group(descriptor: int) -> None:
    """Let the service read what root wrote: the group `hubpulse` where there is one and we may."""
    with contextlib.suppress(KeyError, PermissionError):
        os.fchown(descriptor, -1, grp.getgrnam("hubpulse").gr_gid)

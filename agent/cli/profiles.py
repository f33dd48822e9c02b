"""List the device models that are known, show one with all that must be known of it, or begin a new one.

The site's own profiles stand in /etc/hubpulse/profiles and come before the packaged ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import config
from agent.cli.check import DEFAULT_FILE, EXIT_FAULTS, EXIT_NO_FILE
from agent.cli.init import folders_made, put
from agent.cli.profile_sheet import as_json, sheet, table
from agent.cli.speech import add_language, chosen_language, say
from config import messages, profiles
from config.faults import ConfigError
from config.messages import Language
from config.profiles import Profile

EXAMPLE = Path(config.__file__).parent / "profile-example.toml"
OWN_FOLDER = DEFAULT_FILE.parent / "profiles"
_EXAMPLE_NAME = "acme-ct9"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_language(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show NAME | new NAME")
    _add_action(actions.add_parser("list", help="every profile: maker, model, kind, trust, points"))
    shown = actions.add_parser("show", help="one profile with its points, its traps and TOML to paste; checks it too")
    new = actions.add_parser("new", help="write a commented profile to begin with; it passes the check as it stands")
    for action in (shown, new):
        action.add_argument("name", metavar="NAME", help="as in profile = NAME, for example acme-ct9")
        _add_action(action)
    new.add_argument("--force", action="store_true", help="replace a file that is already there")


def _add_action(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profiles", type=Path, metavar="DIR", default=OWN_FOLDER, help="the site's own profiles (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    if args.action == "list":
        return _list(args.profiles, lang, machine=args.json)
    if args.action == "show":
        return _show(args.name, args.profiles, lang, machine=args.json)
    return _new(args, lang)


def _list(folder: Path, lang: Language, *, machine: bool) -> int:
    found = {name: _loaded(name, folder) for name in profiles.names([folder])}
    if machine:
        say(_json({"profiles": [_short(name, one) for name, one in found.items()]}))
    else:
        head = ("profile_name", "profile_device", "profile_kind", "profile_trust", "profile_points")
        rows = [tuple(messages.word(word, lang) for word in head)]
        say(table([*rows, *(_row(name, one, lang) for name, one in found.items())]))
        say("\n" + messages.word("profile_more", lang))
    return EXIT_FAULTS if any(isinstance(one, ConfigError) for one in found.values()) else 0


def _loaded(name: str, folder: Path) -> Profile | ConfigError:
    """The profile, or why it cannot be used: one that is wrong must not hide the others."""
    try:
        return profiles.load(name, [folder])
    except ConfigError as error:
        return error


def _row(name: str, one: Profile | ConfigError, lang: Language) -> tuple[str, ...]:
    if isinstance(one, ConfigError):
        return name, messages.word("profile_faulty", lang, count=len(one.faults)), "", "", ""
    kind, trust = messages.word(f"kind_{one.kind}", lang), messages.word(f"trust_{one.trust}", lang)
    names = " ".join(dict.fromkeys(known.prefix or known.start for known in one.notation))
    by_name = messages.word("profile_by_name", lang, names=names) if names else ""
    points = messages.word("comma", lang).join(said for said in (str(len(one.points) or ""), by_name) if said)
    return name, f"{one.maker} {one.model}", kind, trust, points


def _short(name: str, one: Profile | ConfigError) -> dict[str, object]:
    if isinstance(one, ConfigError):
        return {"name": name, "ok": False, "faults": len(one.faults)}
    return {
        "name": name,
        "ok": True,
        "maker": one.maker,
        "model": one.model,
        "kind": one.kind,
        "trust": one.trust,
        "points": len(one.points),
        "notation": [str(known) for known in one.notation],
    }


def _show(name: str, folder: Path, lang: Language, *, machine: bool) -> int:
    found = _loaded(name, folder)
    if isinstance(found, Profile):
        say(_json({"ok": True} | as_json(found, lang)) if machine else sheet(found, lang))
        return 0
    if machine:
        told = [{"code": fault.code, "place": fault.place, "seen": fault.text(lang).seen} for fault in found.faults]
        say(_json({"ok": False, "name": name, "faults": told}))
    else:
        say(found.render(lang))
    return EXIT_NO_FILE if [fault.code for fault in found.faults] == ["E2305"] else EXIT_FAULTS


def _new(args: argparse.Namespace, lang: Language) -> int:
    target: Path = args.profiles / f"{args.name}.toml"
    if not profiles.is_name(args.name):
        said, code = messages.word("profile_bad_name", lang, profile=args.name), 2
    else:
        text = EXAMPLE.read_text("utf-8").replace(_EXAMPLE_NAME, args.name)
        said, code = _written(target, text.encode(), lang, force=args.force)
    say(_json({"ok": code == 0, "file": str(target), "message": said}) if args.json else said)
    return code


def _written(target: Path, raw: bytes, lang: Language, *, force: bool) -> tuple[str, int]:
    try:
        made = put(target, raw, force=force)
    except FileExistsError:
        return messages.word("profile_exists", lang, file=target), 1
    except OSError as error:
        return messages.word("profile_cannot_write", lang, file=target, reason=error.strerror), 1
    following = messages.word("profile_next", lang, profile=target.stem, folder=target.parent)
    return "\n".join([*folders_made(made, lang), messages.word("wrote", lang, file=target), following]), 0


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)

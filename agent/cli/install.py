"""Put the systemd unit, the user, the directories and an example configuration in place.

Run it as root from the environment hubpulse is installed in. What exists is kept: a configuration is
never overwritten, the unit is (with --dry-run you see every step first).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import config
from agent.cli import exits
from agent.cli.init import put
from agent.cli.speech import add_language, again, chosen_language, say, say_wrong
from config.messages import Language, word

SHIPPED = Path(config.__file__).parent
UNIT = "etc/systemd/system/hubpulse.service"
SETTINGS = "etc/hubpulse/hubpulse.toml"
COMMAND = "usr/local/bin/hubpulse"
USERS = "usr/lib/sysusers.d/hubpulse.conf"
OWNERS = "usr/lib/tmpfiles.d/hubpulse.conf"
SECRETS = "etc/hubpulse/secrets"


@dataclass(frozen=True, slots=True)
class Place:
    """One directory or file to be put in place, with its mode; `text` None makes a directory."""

    path: str
    mode: int
    text: str | None = None
    keep: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", type=Path, metavar="DIR", default=Path("/"), help="install below this directory (for images)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    root, lang = Path(args.root), chosen_language(args.lang, sys.stdout)
    if not args.dry_run and not os.access(_nearest(root / "etc"), os.W_OK):
        return _fail(word("install_barred", lang, folder=root / "etc", command=_command()), os.EX_NOPERM)
    try:
        for place in places():
            say(_put(root, place, lang, dry_run=args.dry_run))
            if place.path == USERS and root == Path("/") and not args.dry_run:
                _make_user(lang)
        say(_put_command(root / COMMAND, lang, dry_run=args.dry_run))
    except OSError as error:
        return _fail(word("install_failed", lang, file=error.filename, reason=error.strerror), exits.status(error))
    if root == Path("/") and not args.dry_run:
        _give_to_user(root)
    say(word("install_next", lang, settings=root / SETTINGS, again=again(lang, sys.stdout)))
    return 0


def _fail(sentence: str, status: int) -> int:
    say_wrong("install", sentence)
    return status


def places() -> Iterator[Place]:
    """Everything a site needs, in the order it is made."""
    yield Place(USERS, 0o644, (SHIPPED / "hubpulse.sysusers").read_text(), keep=False)
    yield Place(OWNERS, 0o644, (SHIPPED / "hubpulse.tmpfiles").read_text(), keep=False)
    yield Place("etc/hubpulse", 0o755)
    yield Place("etc/hubpulse/conf.d", 0o755)
    yield Place("etc/hubpulse/profiles", 0o755)
    yield Place("etc/hubpulse/tls", 0o755)
    yield Place(SECRETS, 0o750)
    yield Place("var/lib/hubpulse", 0o700)
    yield Place(SETTINGS, 0o640, (SHIPPED / "example.toml").read_text(encoding="utf-8"))
    yield Place(UNIT, 0o644, unit_text(_command()), keep=False)


def unit_text(command: str) -> str:
    """The shipped unit, starting `command`."""
    return (SHIPPED / "hubpulse.service").read_text().replace("/opt/hubpulse/bin/hubpulse", command)


def _put(root: Path, place: Place, lang: Language, *, dry_run: bool) -> str:
    target = root / place.path
    if target.exists() and place.keep:
        return word("install_kept", lang, target=target)
    if not dry_run:
        _make(target, place)
    return word("install_would_put" if dry_run else "install_put", lang, target=target, mode=f"{place.mode:04o}")


def _put_command(target: Path, lang: Language, *, dry_run: bool) -> str:
    """`hubpulse` on everybody's path; another program of that name is left alone."""
    if target.is_symlink() or not target.exists():
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(_command())
        done = "install_would_link" if dry_run else "install_linked"
        return word(done, lang, target=target, command=_command())
    return word("install_kept", lang, target=target)


def _make(target: Path, place: Place) -> None:
    if place.text is None:
        target.mkdir(parents=True, exist_ok=True)
    elif place.path == SETTINGS:
        put(target, place.text.encode(), force=False)
        return
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(place.text, encoding="utf-8")
    target.chmod(place.mode)


def _make_user(lang: Language) -> None:
    if shutil.which("systemd-sysusers"):
        subprocess.run(["systemd-sysusers", "hubpulse.conf"], check=False)  # noqa: S607 - root's own PATH
    else:
        say(word("install_no_sysusers", lang))


def _give_to_user(root: Path) -> None:
    """The state is the service's; settings and secrets are root's, and its group reads them."""
    with suppress(LookupError):
        shutil.chown(root / "var/lib/hubpulse", "hubpulse", "hubpulse")
        shutil.chown(root / SETTINGS, None, "hubpulse")
        shutil.chown(root / SECRETS, None, "hubpulse")
        (root / SECRETS).chmod(0o750)  # an earlier release made it root's alone


def _command() -> str:
    return str(Path(sys.executable).parent / "hubpulse")


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path

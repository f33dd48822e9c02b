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

SHIPPED = Path(config.__file__).parent
UNIT = "etc/systemd/system/hubpulse.service"
SETTINGS = "etc/hubpulse/hubpulse.toml"
COMMAND = "usr/local/bin/hubpulse"
USERS = "usr/lib/sysusers.d/hubpulse.conf"


@dataclass(frozen=True, slots=True)
class Place:
    """One directory or file to be put in place, with its mode; `text` None makes a directory."""

    path: str
    mode: int
    text: str | None = None
    keep: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, default=Path("/"), help="install below this directory (for images)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    root: Path = args.root
    if not args.dry_run and not os.access(_nearest(root / "etc"), os.W_OK):
        print(
            f"hubpulse install: {root / 'etc'} is not writable; run it as root: sudo {_command()} install",
            file=sys.stderr,
        )
        return os.EX_NOPERM
    try:
        for place in places():
            print(_put(root, place, dry_run=args.dry_run))
            if place.path == USERS and root == Path("/") and not args.dry_run:
                _make_user()
        print(_put_command(root / COMMAND, dry_run=args.dry_run))
    except OSError as error:
        print(f"hubpulse install: {error.filename}: {error.strerror}", file=sys.stderr)
        return exits.status(error)
    if root == Path("/") and not args.dry_run:
        _give_state_to_user()
    print(_next_step(root))
    return 0


def places() -> Iterator[Place]:
    """Everything a site needs, in the order it is made."""
    yield Place(USERS, 0o644, (SHIPPED / "hubpulse.sysusers").read_text(), keep=False)
    yield Place("etc/hubpulse", 0o755)
    yield Place("etc/hubpulse/conf.d", 0o755)
    yield Place("etc/hubpulse/profiles", 0o755)
    yield Place("etc/hubpulse/tls", 0o755)
    yield Place("etc/hubpulse/secrets", 0o700)
    yield Place("var/lib/hubpulse", 0o700)
    yield Place(SETTINGS, 0o640, (SHIPPED / "example.toml").read_text(encoding="utf-8"))
    yield Place(UNIT, 0o644, unit_text(_command()), keep=False)


def unit_text(command: str) -> str:
    """The shipped unit, starting `command`."""
    return (SHIPPED / "hubpulse.service").read_text().replace("/opt/hubpulse/bin/hubpulse", command)


def _put(root: Path, place: Place, *, dry_run: bool) -> str:
    target = root / place.path
    if target.exists() and place.keep:
        return f"  kept     {target}"
    if not dry_run:
        _make(target, place)
    return f"  {'would put' if dry_run else 'put     '} {target}  (mode {place.mode:04o})"


def _put_command(target: Path, *, dry_run: bool) -> str:
    """`hubpulse` on everybody's path; another program of that name is left alone."""
    if target.is_symlink() or not target.exists():
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.symlink_to(_command())
        return f"  {'would link' if dry_run else 'linked  '} {target}  to {_command()}"
    return f"  kept     {target}"


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


def _make_user() -> None:
    if shutil.which("systemd-sysusers"):
        subprocess.run(["systemd-sysusers", "hubpulse.conf"], check=False)  # noqa: S607 - root's own PATH
    else:
        print("  no systemd-sysusers here: make the user yourself: adduser --system --group hubpulse")


def _give_state_to_user() -> None:
    with suppress(LookupError):
        shutil.chown("/var/lib/hubpulse", "hubpulse", "hubpulse")


def _command() -> str:
    return str(Path(sys.executable).parent / "hubpulse")


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _next_step(root: Path) -> str:
    return f"""\
next: 1. edit {root / SETTINGS} for this site, put the bureau's CA where it says   (编辑配置,放好证书)
      2. hubpulse check                                            (检查配置)
      3. sudo systemctl daemon-reload && sudo systemctl enable --now hubpulse   (启动服务)
      4. journalctl -fu hubpulse                                   (查看日志)"""

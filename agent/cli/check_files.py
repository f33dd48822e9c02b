"""What `hubpulse check` can see of the files and folders that settings name: whether the service could use them.

Only where this user may look, and what is not there counts only on a machine on which the service is installed.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.faults import Fault, Ledger
from config.loading import NamedFile

UNIT = Path("/etc/systemd/system/hubpulse.service")
STATE = Path("/var/lib/hubpulse")
"""What the unit may write (StateDirectory=); all else is read-only to it (ProtectSystem=strict)."""

_SECRETS = ("key_file", "password_file")
_FOLDER = "directory"
_OPENS = ("ReadWritePaths=", "BindPaths=", "StateDirectory=")


@dataclass(frozen=True, slots=True)
class Service:
    """The service as it is installed here: its unit, and its user with all groups, None where there is none."""

    unit: Path = UNIT
    uid: int | None = None
    gids: frozenset[int] = frozenset()

    @classmethod
    def here(cls) -> Service:
        """That of this machine."""
        try:
            user = pwd.getpwnam("hubpulse")
        except KeyError:
            return cls()
        others = {one.gr_gid for one in grp.getgrall() if "hubpulse" in one.gr_mem}
        return cls(UNIT, user.pw_uid, frozenset({user.pw_gid, *others}))

    def is_barred(self, path: Path, need: int) -> bool:
        """Whether its user lacks `need` (4 to read, 1 to pass) at what is there. Raises OSError."""
        if self.uid is None:
            return False
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid in self.gids else 0
        return not found.st_mode >> shift & need

    def may_write(self, folder: Path) -> bool:
        """Whether the unit or a drop-in of it opens that folder."""
        opened = [STATE, *map(Path, self._opened())]
        return any(one == folder or one in folder.parents for one in opened)

    def _opened(self) -> Iterator[str]:
        for part in [self.unit, *sorted(self.unit.with_name(f"{self.unit.name}.d").glob("*.conf"))]:
            for line in part.read_text("utf-8", "replace").splitlines():
                if line.startswith(_OPENS):
                    yield from (word.lstrip("-+").partition(":")[0] for word in line.partition("=")[2].split())


def noticed(files: Sequence[NamedFile], service: Service) -> list[Fault]:
    """A notice for each file that the agent could not use as it is, and for a spool that the unit may not write."""
    ledger, installed = Ledger(), service.unit.exists()
    for one in files:
        try:
            code, said = _folder(one, service) if one.key == _FOLDER else _file(one, service)
        except FileNotFoundError:
            code, said = "W2441" if one.key in _SECRETS else "W2440", {}
            if not installed:
                continue
        except OSError:
            continue  # not for this user to look at
        if code:
            ledger.add(code, one.place, file=one.path, **said)
    return ledger.notices


def _folder(one: NamedFile, service: Service) -> tuple[str, dict[str, object]]:
    return ("" if not service.unit.exists() or service.may_write(one.path) else "W2444"), {}


def _file(one: NamedFile, service: Service) -> tuple[str, dict[str, object]]:
    mode = stat.S_IMODE(one.path.stat().st_mode)
    if one.key in _SECRETS and mode & (stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP):
        return "W2442", {"mode": f"{mode:04o}"}
    ways = [(folder, os.X_OK) for folder in reversed(one.path.parents)]
    barred = [at for at, need in [*ways, (one.path, os.R_OK)] if service.is_barred(at, need)]
    return ("W2443", {"at": barred[0]}) if barred else ("", {})

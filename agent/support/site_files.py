"""The files of a site as the bundle tells them: settings, conf.d, its own profiles; and what they say is secret."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.support.archive import Part, bounded
from agent.support.gate import Gate
from agent.support.settings_text import SettingsText
from config import files, lint
from config.faults import Ledger

SPOOL = Path("/var/lib/hubpulse/spool")
"""Where it lies when the settings do not say."""

SETTINGS = "settings/hubpulse.toml"
"""What the file of the settings is called in a bundle, whatever its name is at the site."""

_SECRET_FILES = ("password_file", "key_file")
_CREDENTIALS = ("password_credential", "key_credential")
_PASSED = Path("/run/credentials/hubpulse.service")
_NAMED = (*_SECRET_FILES, "ca_file", "cert_file")
_MOST_SECRET_BYTES = 65_536


@dataclass(frozen=True)
class SiteFiles:
    """By the name that each has in the bundle: its text, or why it cannot be read."""

    texts: Mapping[str, SettingsText] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, main: Path, conf_d: Path | None, profiles: Sequence[Path]) -> SiteFiles:
        """Whatever can be read of them; never raises."""
        texts, unread = dict[str, SettingsText](), dict[str, str]()
        for name, path in _paths(main, conf_d or main.parent / "conf.d", [*profiles, main.parent / "profiles"]):
            try:
                raw = _plain(path, files.MOST_BYTES)
            except OSError as error:
                unread[name] = f"{path}: {error.strerror}"
            else:
                texts[name] = SettingsText.read(lint.decode(name, raw, Ledger()).text)
        return cls(texts, unread)

    @property
    def spool(self) -> Path:
        """The spool's directory."""
        return next((Path(path) for one in self.texts.values() for path in one.values("directory")), SPOOL)

    def named(self) -> list[Path]:
        """The files that the settings name: certificates, keys, passwords."""
        return sorted({Path(path) for one in self.texts.values() for key in _NAMED for path in one.values(key)})

    def gate(self) -> Gate:
        """A gate that knows the secrets of this site, as far as this user may read where they lie."""
        told = {one for text in self.texts.values() for one in text.secrets}
        return Gate(frozenset(told.union(*map(_read, self._secret_files()))))

    def parts(self, gate: Gate) -> Iterator[Part]:
        """Each file as it may be told."""
        for name, text in self.texts.items():
            yield Part(name, bounded(text.told(gate)))
        for name, reason in self.unread.items():
            yield Part(name, None, reason)

    def _secret_files(self) -> Iterator[Path]:
        passed = Path(os.environ.get("CREDENTIALS_DIRECTORY", _PASSED))
        for text in self.texts.values():
            yield from (Path(path) for key in _SECRET_FILES for path in text.values(key))
            yield from (passed / name for key in _CREDENTIALS for name in text.values(key))


def _paths(main: Path, conf_d: Path, profiles: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    yield SETTINGS, main
    for folder, name in ((conf_d, "conf.d"), *((one, "profiles") for one in profiles)):
        try:
            found = sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))
        except OSError:
            continue
        yield from ((f"settings/{name}/{path.name}", path) for path in found[: files.MOST_FILES])


def _read(path: Path) -> set[str]:
    """What lies there, as text; nothing where it cannot be read."""
    try:
        return {_plain(path, _MOST_SECRET_BYTES).decode("utf-8", "replace")}
    except OSError:
        return set()


def _plain(path: Path, most: int) -> bytes:
    """The beginning of a plain file: a pipe of that name would never end. Raises OSError."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a plain file")
    with path.open("rb") as opened:
        return opened.read(most)

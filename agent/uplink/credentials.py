"""The password of the broker: read from a file or a systemd credential that strangers cannot read, and never shown."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from config.uplink_settings import Bureau

_MAX_BYTES = 4096


class CredentialError(Exception):
    """A secret is missing, or others could read it; the text says which file and what to do, never what is in it.

    `file` is one that is not there or that we may not read: the cause says which of the two.
    """

    def __init__(self, text: str, file: Path | None = None) -> None:
        super().__init__(text)
        self.file = file


@dataclass(frozen=True, slots=True)
class Login:
    """How we are known to the broker. The password does not appear in its `repr`."""

    username: str
    password: str | None = field(repr=False)


def login(bureau: Bureau) -> Login | None:
    """The login of `bureau`, read afresh (a renewed password needs no restart). Raises CredentialError."""
    if bureau.username is None:
        return None
    if bureau.password_credential is not None:
        return Login(bureau.username, secret(_credential(bureau.password_credential)))
    if bureau.password_file is not None:
        return Login(bureau.username, secret(bureau.password_file))
    return Login(bureau.username, None)


def secret_of(path: Path | None, credential: str | None) -> str:
    """What lies in a file or in a credential of systemd, one of which is named. Raises CredentialError."""
    if path is None:
        assert credential is not None
        path = _credential(credential)
    return secret(path)


def demand_private(path: Path) -> None:
    """Raise CredentialError when `path` cannot be reached or users outside its owner and group may touch it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}", path) from error
    if mode & stat.S_IRWXO:
        raise CredentialError(f"{path} is open to every user (mode {mode:04o}); do: chmod 0640 {path}")
    if mode & (stat.S_IWGRP | stat.S_IXGRP):
        raise CredentialError(f"{path} may be changed by its group (mode {mode:04o}); do: chmod 0640 {path}")


def _credential(name: str) -> Path:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise CredentialError(f"systemd passed no credentials; the unit needs LoadCredential={name}:/path/to/file")
    return Path(directory) / name


def secret(path: Path) -> str:
    """The password in the file at `path`, without its line end. Raises CredentialError."""
    demand_private(path)
    try:
        text = path.read_bytes()[:_MAX_BYTES].decode()
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}", path) from error
    except UnicodeDecodeError:
        # The cause holds the bytes: it must not reach a log.
        raise CredentialError(f"{path} is not UTF-8 text") from None
    if not (password := text.rstrip("\r\n")):
        raise CredentialError(f"{path} is empty")
    return password

"""The way to the bureau: the broker, how we are known there, and where messages wait, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files of a connection. `ca_file` is the other side's own CA; a client pair makes it mutual."""

    ca_file: Path
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class Bureau:
    """The broker and how we are known there. The password itself is never in here, only where it lies."""

    host: str
    port: int
    tls: Tls | None
    username: str | None
    password_file: Path | None
    password_credential: str | None
    report_s: float
    receipts: bool = False
    """The bureau gives receipts: the spool frees only what they name."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Where messages wait for the bureau, and how much of the disk they may take."""

    directory: Path
    max_bytes: int
    card_bytes_a_day: int = 1024 * 2**20
    """What the card may be made to write; beyond it commits wait for each other."""

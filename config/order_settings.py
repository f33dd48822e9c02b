"""Whom a site obeys, as a frozen value: where the key lies by which it knows the bureau."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Algorithm = Literal["hmac-sha256", "ed25519"]


@dataclass(frozen=True, slots=True)
class Commands:
    """`key_file` or `key_credential` says where the key of `algorithm` lies, never what it is. `trust_rtc` lets the
    machine's own clock judge when an order begins and ends, at a site that has no time server."""

    require_signature: bool = False
    algorithm: Algorithm = "hmac-sha256"
    key_file: Path | None = None
    key_credential: str | None = None
    trust_rtc: bool = False

    @property
    def has_key(self) -> bool:
        """Whether signatures are looked at."""
        return self.key_file is not None or self.key_credential is not None

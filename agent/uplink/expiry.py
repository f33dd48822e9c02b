"""When the certificates of the uplink end: days left for the health report, and a warning at 30, 7 and 1 days."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent import log
from agent.load.instant import Instant
from config.uplink_settings import Tls

WARNED_DAYS = (30, 7, 1, 0)
_DAY_S = 86_400.0
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
_LONGEST_BYTES = 64 << 10


class Expiry:
    """Looks at the files each time, for they may be renewed; says it once each time a warning's day is reached."""

    def __init__(self, tls: Tls | None) -> None:
        files = {} if tls is None else {"ca": tls.ca_file, "own": tls.cert_file}
        self._files = {which: path for which, path in files.items() if path is not None}
        self._warned: dict[str, int] = {}

    def days_left(self, now: Instant) -> dict[str, float] | None:
        """By `own` and `ca` the days until the first certificate of the file ends, negative after; None where there
        are none to judge, or no clock that could."""
        if now.quality == "none" or not self._files:
            return None
        ends_s = {which: _end_s(path) for which, path in self._files.items()}
        left = {which: round((end_s - now.wall_s) / _DAY_S, 1) for which, end_s in ends_s.items() if end_s is not None}
        for which, days in left.items():
            self._warn(which, days)
        return left or None

    def _warn(self, which: str, days: float) -> None:
        reached = min((limit for limit in WARNED_DAYS if days <= limit), default=None)
        if reached is None:
            self._warned.pop(which, None)
        elif self._warned.get(which) != reached:
            self._warned[which] = reached
            log.warn("certificate_expires", which=which, file=self._files[which], days_left=days)


def _end_s(path: Path) -> float | None:
    """Unix seconds at which the first of the certificates in a PEM file ends; None where none can be read."""
    try:
        text = path.read_bytes()[:_LONGEST_BYTES].decode("ascii", "replace")
        return min((not_after_s(ssl.PEM_cert_to_DER_cert(pem)) for pem in _certificates(text)), default=None)
    except (OSError, ValueError):
        return None  # the connection says why it cannot be used


def _certificates(text: str) -> Iterator[str]:
    """The certificates of a PEM file, without the keys and words between them."""
    for piece in text.split(_BEGIN)[1:]:
        body, ended, _ = piece.partition(_END)
        if ended:
            yield f"{_BEGIN}{body}{_END}"


def not_after_s(der: bytes) -> float:
    """Unix seconds of notAfter in an X.509 certificate (RFC 5280, 4.1). ValueError where it is none."""
    _, certificate, _ = _element(der)
    _, fields, _ = _element(certificate)
    kind, _, after_version = _element(fields)
    rest = after_version if kind == _VERSION else fields
    for _ in range(3):  # serial number, signature algorithm, issuer
        _, _, rest = _element(rest)
    kind, validity, _ = _element(rest)
    if kind != _SEQUENCE:
        raise ValueError("no validity")
    _, _, after_begin = _element(validity)
    kind, end, _ = _element(after_begin)
    return _time_s(kind, end.decode("ascii"))


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """The tag and content of the first DER element, and what follows it (X.690, 8.1)."""
    if len(der) < 2:
        raise ValueError("cut short")
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start])
    if start > len(der) or start + size > len(der):
        raise ValueError("cut short")
    return der[0], der[start : start + size], der[start + size :]


def _time_s(kind: int, text: str) -> float:
    """RFC 5280, 4.1.2.5: two digits of a year from 50 on mean the last century."""
    if kind == _UTC_TIME:
        text = ("19" if text >= "5" else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()

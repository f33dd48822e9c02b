"""How a scanner words what it saw, in the framing of its maker, and what a right counter must call each line."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple
from zlib import crc32

from drivers.scanner import Framing

_GBK = "包裹".encode("gbk")
_FAR_TOO_LONG = 700
_WRONG_NUMBER = "x9"


class Line(NamedTuple):
    """The bytes of one line, and the column a right counter puts it in; `code` where that depends on what was seen."""

    octets: bytes
    column: str
    code: str = ""


class Speech:
    """The words of one scanner. `chutes` is the highest chute it may name, `lanes` how many lanes it
    reads, where its lines tell them; a code is always seen on the same one."""

    def __init__(self, framing: Framing, lanes: int, chutes: int, rng: Random) -> None:
        self._framing, self._lanes, self._chutes, self._rng = framing, lanes, chutes, rng
        self._spoilt = self._ways_to_spoil()
        self.fits = range(framing.code_least, framing.code_most + 1)
        """How long a code may be."""

    def read(self, code: str) -> Line:
        """A good read of `code`."""
        aim = self._rng.choice(("]C0", "]C1", "")) if self._framing.aim else ""
        return Line(self._line(self._body(code, aim)), "read", code)

    def no_read(self) -> Line | None:
        """What it says where it saw a parcel and no code; None: nothing."""
        return self._text(self._framing.no_read, "no_read")

    def heartbeat(self) -> Line | None:
        """What it says to show that it lives; None: nothing."""
        return self._text(self._framing.heartbeat, "heartbeat")

    def multi(self, code: str, other: str) -> Line | None:
        """What it says of two codes on one parcel; None: nothing that tells them from one."""
        if self._framing.joiner:
            return Line(self._line(self._body(f"{code}{self._framing.joiner.decode()}{other}")), "multi")
        return self._text(self._framing.multi, "multi")

    def garbage(self) -> Line:
        """A line that is none, in one of the ways in which this framing can be broken."""
        column, spoil = self._rng.choice(self._spoilt)
        return Line(spoil(), column)

    def broken_off(self, said: int) -> str:
        """The column of a line of which only so many bytes came."""
        return "overlong" if said > self._framing.line_most else "cut"

    # --- ways to spoil a line ---

    def _ways_to_spoil(self) -> list[tuple[str, Callable[[], bytes]]]:
        framing, code = self._framing, "SF1234567890123"
        ways = [
            ("byte", lambda: self._line(self._body(code).replace(b"SF", _GBK))),
            ("code", lambda: self._line(self._body("9" * (framing.code_most + 1)))),
            ("overlong", lambda: b"7" * _FAR_TOO_LONG + framing.terminator),
        ]
        if len(framing.terminator) > 1:
            ways.append(("framing", lambda: framing.start + self._body(code) + framing.terminator[-1:]))
        if framing.start:
            ways.append(("framing", lambda: self._body(code) + framing.terminator))
        if framing.separator:
            ways.append(("fields", lambda: self._line(self._body(code) + 9 * framing.separator)))
        if "" not in (*framing.no_read, *framing.heartbeat, *framing.multi):
            ways.append(("empty", lambda: self._line(b"")))
        spoilt = [name for name in ("lane", "chute", "confidence") if name in framing.fields]
        return ways + [(name, self._with_wrong(name, code)) for name in spoilt]

    def _with_wrong(self, name: str, code: str) -> Callable[[], bytes]:
        return lambda: self._line(self._body(code, **{name: _WRONG_NUMBER}))

    # --- lines ---

    def _text(self, texts: tuple[str, ...], column: str) -> Line | None:
        return Line(self._line(self._rng.choice(texts).encode()), column) if texts else None

    def _body(self, code: str, aim: str = "", **wrong: str) -> bytes:
        values = {
            "code": aim + code,
            "lane": str(crc32(code.encode()) % self._lanes),
            "chute": str(1 + crc32(code.encode()) % self._chutes) if self._chutes else "",
            "confidence": str(self._rng.randint(max(90, self._framing.confidence_least), 100)),
            "skip": str(self._rng.randint(1, 999)),
        } | wrong
        return self._framing.separator.join(values[name].encode() for name in self._framing.fields)

    def _line(self, body: bytes) -> bytes:
        return self._framing.start + body + self._framing.terminator

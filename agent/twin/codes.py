"""Waybill codes as the carriers print them, invented: none comes twice, and each fits its carrier's pattern."""

from __future__ import annotations

from random import Random

_SERIALS = 10**8
_STEP = 38_196_601  # odd and no multiple of five: every serial number comes once before the first comes again
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_SERVICES = ("EA", "EB", "RR", "LX", "CP")

_FORMS: tuple[tuple[str, int], ...] = (
    ("SF", 13),
    ("YT", 13),
    ("JT", 13),
    ("JDX", 12),
    ("JDVA", 11),
    ("DPK", 12),
    ("STO", 10),
    ("CNSD", 12),
    ("73", 12),
    ("77", 13),
    ("43", 11),
    ("97", 11),
)
"""Letters or digits that a carrier's codes begin with, and how many digits follow (DOMAIN.md 4.1)."""


class Codes:
    """An endless supply, repeatable by `rng`; after 10**8 codes it begins again."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._serial = rng.randrange(_SERIALS)

    def draw(self) -> str:
        """A code that was not drawn before, of a carrier taken by chance."""
        self._serial = (self._serial + _STEP) % _SERIALS
        form = self._rng.randrange(len(_FORMS) + 1)
        if form == len(_FORMS):
            return f"{self._rng.choice(_S10_SERVICES)}{self._serial:08}{s10_check_digit(f'{self._serial:08}')}CN"
        head, digits = _FORMS[form]
        code = f"{head}{self._rng.randrange(10 ** (digits - 8)):0{digits - 8}}{self._serial:08}"
        return f"{code}-{self._rng.randint(1, 3)}-3-" if head == "JDX" and self._rng.random() < 0.3 else code


def s10_check_digit(serial: str) -> int:
    """The check digit of eight digits by UPU standard S10."""
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(serial, _S10_WEIGHTS, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)

"""What a site says about its scanners, in numbers: marks of a line, windows of time, carriers' prefixes."""

from __future__ import annotations

FIELD_NAMES = ("lane", "code", "chute", "confidence", "skip")
DAY_MS = 86_400_000


def check_marks(terminator: bytes, start: bytes, separator: bytes, joiner: bytes) -> None:
    """ValueError: what these marks frame cannot be told apart."""
    marks = terminator + start + separator + joiner
    if not (1 <= len(terminator) <= 8 and max(len(start), len(separator), len(joiner)) <= 1):
        raise ValueError("a terminator has 1 to 8 bytes; start, separator and joiner have one or none")
    if any(chr(mark).isalnum() or mark == 0x2D for mark in marks):
        raise ValueError("a mark may be no letter, digit or hyphen: codes are made of these")
    ends = [mark for mark in (terminator[-1:], start, separator, joiner) if mark]
    if len(set(ends)) < len(ends):
        raise ValueError("the terminator's last byte, start, separator and joiner must differ")


def check_fields(fields: tuple[str, ...], separator: bytes, fields_most: int) -> None:
    """ValueError: a line cannot have these fields."""
    if "code" not in fields or len(fields) > fields_most or not set(fields) <= set(FIELD_NAMES):
        raise ValueError(f"fields: code, and at most {fields_most} of {', '.join(FIELD_NAMES)}")
    if any(fields.count(name) > 1 for name in FIELD_NAMES[:-1]) or (len(fields) > 1 and not separator):
        raise ValueError("several fields need a separator, and each its own place")


def windows(duplicate_ms: int, loop_ms: tuple[int, int] | None, ticks_most: int) -> tuple[int, int, int, int]:
    """How many times a millisecond doubles to a tick, so that the longest window has fewer than `ticks_most`; then, in
    ticks, the window of duplicates, the least and the most of a loop. No loop: it begins and ends where duplicates end.

    ValueError: the windows are not within a day, or not one after the other.
    """
    least_ms, most_ms = loop_ms or (duplicate_ms, duplicate_ms)
    if not 1 <= duplicate_ms <= least_ms <= most_ms <= DAY_MS:
        raise ValueError("1 ms <= duplicate_ms <= loop_ms[0] <= loop_ms[1] <= a day")
    shift = 0
    while most_ms >> shift >= ticks_most:
        shift += 1
    tick_ms = 1 << shift
    duplicate = -(-duplicate_ms // tick_ms)
    least = max(least_ms // tick_ms, duplicate)
    return shift, duplicate, least, max(-(-most_ms // tick_ms), least)


def carrier_numbers(prefix: str, least: int, most: int, code_most: int) -> tuple[int, int, int, int, int, int]:
    """A carrier's prefix of letters (`?` is any) and digits after it, as the counter compares them with a code's first
    eight bytes: the place of its first two letters, the letters and their mask, which characters are letters, the
    characters in all and how many more there may be.

    ValueError: this is no such prefix.
    """
    letters = prefix.replace("?", "A")
    if not (2 <= len(prefix) <= 8 and prefix[:2].isalpha() and letters.isalpha() and letters.isascii()):
        raise ValueError(f"not a carrier's prefix and digits: {prefix} {least} {most}")
    if not (letters.isupper() and 1 <= least <= most <= code_most):
        raise ValueError(f"not a carrier's prefix and digits: {prefix} {least} {most}")
    place = (ord(prefix[0]) & 31) | (ord(prefix[1]) & 31) << 5
    head = int.from_bytes(prefix.replace("?", "\0").encode(), "little")
    mask = int.from_bytes(bytes(0 if letter == "?" else 0xFF for letter in prefix), "little")
    return place, head, mask, (1 << len(prefix)) - 1, len(prefix) + least, most - least

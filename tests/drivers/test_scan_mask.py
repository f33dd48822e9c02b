"""No code can be read in what a technician is shown, whatever stands around it or is broken in it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scan_guess import KNOWN
from drivers.scan_mask import HIDDEN, LONGEST, masked

CODES = st.text("ghijklmnopqrstuvwyz-", min_size=8, max_size=40)
"""Of letters that no escaped byte and no name of a mark has."""

NOISE = st.binary(max_size=40).map(lambda octets: bytes(one for one in octets if not chr(one).isalnum() and one != 45))


@settings(max_examples=200)
@given(before=NOISE, code=CODES, after=NOISE)
def test_of_a_code_at_most_two_characters_at_each_end_are_shown(before: bytes, code: str, after: bytes) -> None:
    shown = masked(before + code.encode() + after, KNOWN)
    assert not any(code[at : at + 3] in shown for at in range(len(code) - 2) if code[at : at + 3] != "---")
    assert HIDDEN * (len(code) - 4) in shown or "…" in shown


@given(st.binary(max_size=3000))
def test_any_bytes_become_a_short_printable_text(octets: bytes) -> None:
    shown = masked(octets, KNOWN)
    assert shown.isprintable()
    assert len(shown) <= LONGEST + 1


def test_marks_short_fields_and_texts_of_scanners_stay_readable() -> None:
    assert masked(b"\x0203,SF1234567890123,17\r\n") == f"<STX>03,SF{HIDDEN * 11}23,17<CR><LF>"
    assert masked(b"\x02NoRead\x03", KNOWN) == "<STX>NoRead<ETX>"
    assert masked(b"NoRead\r", ()) == f"No{HIDDEN * 2}ad<CR>"
    assert masked(b"]C0YT1234567890123\r") == f"]C{HIDDEN * 14}23<CR>"


def test_bytes_that_no_code_has_are_shown_where_they_stand() -> None:
    assert masked(b"SF12\xb0\xfc4567890\r\n") == rf"SF{HIDDEN * 2}\xb0\xfc{HIDDEN * 5}90<CR><LF>"

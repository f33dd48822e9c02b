"""A scanner's framing is guessed right from its bytes, for every maker's preset, from any place on, with garbage in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_speech import BUSY, FRAMINGS, Scene

from agent.trial.findings import framing_of
from agent.trial.report import nearest
from drivers.scan_guess import KNOWN, guess
from drivers.scanner import PRESETS, Framing
from fastpath.scans import COLUMN_NAMES, ScanCounter

PARTS = st.sampled_from([b"SF1234567890123", b",", b";", b"\r", b"\n", b"\x02", b"\x03"])


def said(framing: Framing, seed: int, moments: int = 120) -> bytes:
    return b"".join(octets for _, octets in Scene(framing, seed).lines(moments))


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("seed", range(2))
def test_the_marks_and_the_order_of_the_fields_are_found(framing: Framing, seed: int) -> None:
    octets = said(framing, seed)
    found = guess(octets[7 * seed : -3])
    assert found is not None
    assert (found.terminator, found.start, found.separator) == (framing.terminator, framing.start, framing.separator)
    assert [name for name in found.fields if name != "skip"] == [name for name in framing.fields if name != "skip"]
    assert found.joiner == framing.joiner
    assert found.aim == framing.aim
    known = [text for text in framing.no_read if text.upper() in KNOWN]
    assert found.no_read == tuple(sorted(known))
    assert found.heartbeat == framing.heartbeat


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"datalogic", "cognex"}))
def test_the_preset_of_the_maker_is_recognised(name: str) -> None:
    found = guess(said(PRESETS[name], 11, 150))
    assert found is not None
    assert nearest(found) == name


@pytest.mark.parametrize("name", ["datalogic", "cognex"])
def test_a_preset_that_looks_like_another_is_replaced_by_one_that_needs_no_more_settings(name: str) -> None:
    found = guess(said(PRESETS[name], 11, 150))
    assert found is not None
    other = PRESETS[nearest(found)]
    assert (other.terminator, other.start, other.separator) == (found.terminator, found.start, found.separator)


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_a_counter_that_believes_the_guess_counts_the_same_reads(framing: Framing) -> None:
    octets = b"".join(octets for _, octets in Scene(framing, 2, replace(BUSY, garbage=0)).lines(120))
    found = guess(octets)
    assert found is not None
    counts = []
    for one in (framing, framing_of(found)):
        counter = ScanCounter(lanes=100, chutes=999, key=bytes(32))
        counter.feed(one.listen(0), octets, 0)
        counter.finish()
        counter.take()
        totals = dict(zip(COLUMN_NAMES, map(sum, zip(*counter.totals.tolist(), strict=True)), strict=True))
        counts.append((totals["new"], totals["duplicate"], totals["multi"] if framing.joiner else 0))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"\r\n" * 100, b"\x00" * 5000, b"SF1234567890123", b"HB\r\nHB\r\n"])
def test_without_a_line_with_a_code_there_is_no_guess(octets: bytes) -> None:
    assert guess(octets) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400) | st.lists(PARTS).map(b"".join))
def test_any_bytes_give_a_guess_that_a_counter_accepts_or_none(octets: bytes) -> None:
    found = guess(octets)
    if found is not None:
        framing_of(found).listen(0)


def test_a_text_in_the_place_of_the_code_is_known_also_where_the_fields_behind_it_are_missing() -> None:
    found = guess(b"\x0201,SF1234567890123,7\r\n" * 3 + b"\x0201,NOREAD\r\n")
    assert found is not None
    assert (found.fields, found.no_read) == (("lane", "code", "chute"), ("NOREAD",))

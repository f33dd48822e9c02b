"""What the twin's scanners say they said is what a counter must find in it: the obvious one, and the compiled one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields, replace
from random import Random

import pytest
from scan_fuzz import split
from scan_model import ModelSource, ScanModel, s10_check_digit
from scan_speech import CHUTES, DUPLICATE_MS, FRAMINGS, LANES, LOOP_MS, Scene
from traces import WAYBILL

from agent.twin.codes import Codes
from agent.twin.speech import Line
from agent.twin.tunnel import LATEST_MS, MARGIN_MS, Eyes, Windows
from drivers.scanner import CARRIERS, Framing
from fastpath.scans import BAD_NAMES, COLUMN_NAMES, ScanCounter

MODEL_FIELDS = {field.name for field in fields(Framing)} - {"maker", "trust", "source"}


def modelled(scene: Scene, moments: int) -> Counter[str]:
    """What the obvious counter finds in a scene."""
    model = ScanModel(lanes=LANES, chutes=CHUTES, duplicate_ms=DUPLICATE_MS, loop_ms=LOOP_MS)
    source = ModelSource(lane=0, **{name: getattr(scene.framing, name) for name in MODEL_FIELDS})
    for now_ms, octets in scene.lines(moments):
        model.feed(source, octets, now_ms)
    return Counter({name: sum(n for (_, at), n in model.rows.items() if at == name) for name in COLUMN_NAMES})


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("seed", range(3))
def test_the_twins_truth_is_what_an_obvious_counter_finds(framing: Framing, seed: int) -> None:
    scene = Scene(framing, seed)
    assert +modelled(scene, 200) == +scene.tunnel.truth
    assert scene.tunnel.truth["new"] > 100
    assert scene.tunnel.truth["duplicate"] > scene.tunnel.truth["recirculated"] > 0
    assert scene.tunnel.truth["no_read"] > 10
    assert sum(scene.tunnel.truth[name] for name in BAD_NAMES) > 30


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_the_compiled_counter_finds_it_in_pieces_cut_anywhere(framing: Framing) -> None:
    scene, rng = Scene(framing, 7), Random(7)
    counter = ScanCounter(lanes=LANES, chutes=CHUTES, key=bytes(32), duplicate_ms=DUPLICATE_MS, loop_ms=LOOP_MS)
    source = framing.listen(0)
    for now_ms, octets in scene.lines(400):
        for piece in split(rng, octets):
            counter.feed(source, piece, now_ms)
        counter.take()
    while not counter.finish():
        counter.take()
    counter.take()
    found = dict(zip(COLUMN_NAMES, map(sum, zip(*counter.totals.tolist(), strict=True)), strict=True))
    assert +Counter(found) == +scene.tunnel.truth


def test_every_code_fits_a_carrier_or_is_of_digits_or_checks_and_none_comes_twice() -> None:
    codes = Codes(Random(5))
    drawn = [codes.draw() for _ in range(20_000)]
    assert len(set(drawn)) == len(drawn)
    patterns = [prefix.replace("?", "[A-Z]") + rf"\d{{{least},{most}}}" for _, prefix, least, most in CARRIERS]
    known = re.compile("|".join([*patterns, r"CNSD\d{12}", r"\d{13,15}"]))
    assert all(WAYBILL.match(code.encode()) for code in drawn), "what looks for codes after a run must know them all"
    for code in drawn:
        if re.fullmatch(r"[A-Z]{2}\d{9}CN", code):
            assert s10_check_digit(code[2:10]) == int(code[10])
        else:
            assert known.fullmatch(code.partition("-")[0]), code


@pytest.mark.parametrize(
    ("apart_ms", "sight"),
    [
        (0, "duplicate"),
        (3000 - MARGIN_MS, "duplicate"),
        (3000, None),
        (9000, "new"),
        (14_500, None),
        (20_000, "recirculated"),
        (25_900, None),
        (40_000, "new"),
    ],
)
def test_a_sight_too_near_the_edge_of_a_window_is_not_told(apart_ms: int, sight: str | None) -> None:
    assert Windows(3000, (15_000, 25_000)).sight(apart_ms) == sight


def test_without_a_loop_what_comes_late_is_new() -> None:
    assert Windows(3000, None).sight(20_000) == "new"


def test_what_could_not_be_said_in_time_and_what_nobody_heard_is_not_in_the_truth() -> None:
    scene = Scene(FRAMINGS["plain"], 1, Eyes(reads=1, no_read=0, multi=0, by_hand=0, garbage=0))
    tunnel = scene.tunnel
    tunnel.pass_by(1, False, 1000)
    assert tunnel.next_line(1000 + LATEST_MS) is None
    tunnel.pass_by(2, False, 2000)
    tunnel.silence()
    assert tunnel.next_line(2000) is None
    assert not tunnel.truth


def lost_after(said: int, octets: bytes, code: str = "") -> Counter[str]:
    scene = Scene(FRAMINGS["plain"], 1)
    scene.tunnel.lost(Line(octets, "new", code), said)
    return +scene.tunnel.truth


def test_a_line_of_which_a_part_came_is_cut_and_one_of_which_nothing_came_is_nothing() -> None:
    assert lost_after(0, b"SF1234567890123\r\n") == {}
    assert lost_after(5, b"SF1234567890123\r\n") == {"cut": 1}
    assert lost_after(600, b"7" * 700 + b"\r\n") == {"overlong": 1}


def test_a_code_whose_line_was_lost_is_never_read_again() -> None:
    scene = Scene(FRAMINGS["plain"], 1, Eyes(reads=1, no_read=0, multi=0, by_hand=0, garbage=0))
    scene.tunnel.pass_by(1, True, 1000)
    line = scene.tunnel.next_line(1000)
    assert line is not None
    scene.tunnel.lost(line, 3)
    scene.tunnel.pass_by(1, False, 90_000)
    again = scene.tunnel.next_line(90_000)
    assert again is not None
    assert again.column == "no_read"


def test_a_scanner_that_is_silent_on_no_read_says_nothing_of_such_a_parcel() -> None:
    silent = replace(FRAMINGS["plain"], no_read=())
    scene = Scene(silent, 1, Eyes(reads=1, no_read=1.0, multi=0, by_hand=0, garbage=0))
    assert list(scene.lines(20)) == []

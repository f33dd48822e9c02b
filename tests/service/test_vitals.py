"""How a soak judges growth: a real leak is found, noise is none, and a short life is not judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from random import Random

import pytest
from vitals import DAY_S, LEAST_S, MOST_MB_A_DAY, WARM_S, Sample, Vitals, sample, steady

FLAT_KB = 25_000
FULL_S = 600.0
GROWER = """
import sys
held = []
for line in sys.stdin:
    held.append(b"x" * int(line))
    print("held", flush=True)
"""


def life(own_kb: Callable[[float], float], lasting_s: float, *, grown_descriptors: int = 0) -> Vitals:
    """A sample each second; memory comes in pages of 4 kB."""
    chance = Random(7)

    def at(second: int) -> Sample:
        own = int(own_kb(second) + chance.gauss(0.0, 6.0)) // 4 * 4
        descriptors = 40 + (grown_descriptors if second > WARM_S + LEAST_S / 2 else 0)
        return Sample(second, own, own + 11_000, descriptors, 7)

    return Vitals({1: [at(second) for second in range(int(lasting_s))]})


def filled(second: float) -> float:
    """What fills in the first ten minutes, and is full then."""
    return FLAT_KB + 1500 * min(1.0, second / FULL_S)


@pytest.mark.parametrize("mb_a_day", [2.0, 5.0, 50.0])
def test_a_leak_of_megabytes_a_day_is_found_in_half_an_hour(mb_a_day: float) -> None:
    found = life(lambda second: filled(second) + mb_a_day * 1024 * second / DAY_S, 2700).summary()
    slope, lo, hi = (found[f"memory_mb_a_day{end}"] for end in ("", "_lo", "_hi"))
    assert slope is not None and lo is not None and hi is not None
    assert lo <= mb_a_day <= hi
    assert slope > MOST_MB_A_DAY
    assert not steady(found)


def test_what_fills_at_first_and_noise_are_no_growth() -> None:
    found = life(filled, 2700).summary()
    assert abs(found["memory_mb_a_day"] or 0.0) < MOST_MB_A_DAY / 2
    assert steady(found)


def test_a_single_leap_bends_no_slope_and_steps_that_go_on_do() -> None:
    assert steady(life(lambda second: filled(second) + (200 if second > 2550 else 0), 2700).summary())
    assert not steady(life(lambda second: filled(second) + 40 * (second // 240), 2700).summary())


def test_one_descriptor_more_for_good_is_growth() -> None:
    assert steady(life(filled, 2700).summary())
    assert not steady(life(filled, 2700, grown_descriptors=1).summary())


def test_a_life_too_short_to_judge_is_not_judged() -> None:
    found = life(lambda second: FLAT_KB + second, WARM_S + LEAST_S / 2).summary()
    assert found["memory_mb_a_day"] is None
    assert found["descriptors_grown"] is None
    assert steady(found)


def test_the_longest_life_is_judged() -> None:
    both = {**life(lambda second: FLAT_KB + second, 2000).lives, 2: life(filled, 2700).lives[1]}
    assert steady(Vitals(both).summary())


def test_memory_that_a_process_takes_is_seen_and_files_that_it_reads_are_not() -> None:
    with subprocess.Popen([sys.executable, "-c", GROWER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as grower:
        assert grower.stdin and grower.stdout

        def hold(octets: int) -> Sample:
            assert grower.stdin and grower.stdout
            grower.stdin.write(f"{octets}\n".encode())
            grower.stdin.flush()
            grower.stdout.readline()
            return sample(grower.pid)

        before = hold(1)
        grown = hold(1 << 20).own_kb - before.own_kb
        grower.stdin.close()
    assert 1024 <= grown <= 1100
    assert before.own_kb < before.resident_kb

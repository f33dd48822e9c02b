"""What a process takes while it lives: memory of its own, descriptors, threads, from /proc, and whether they grow.

Growth is judged on the longest life, after WARM_S of it: by then all is full that is filled on purpose (windows of a
quarter of an hour, page caches). Only memory of the process's own counts (anonymous pages): how many pages of libraries
and files are resident, the kernel decides. The slope is Theil's and Sen's: the median of the slopes between any two
minutes, which no single leap bends, with the interval of 95 % that Kendall's statistic gives.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields
from itertools import combinations, groupby
from pathlib import Path
from statistics import median

WARM_S = 900.0
LEAST_S = 600.0
"""Of a shorter time a slope says more of chance."""
MOST_MB_A_DAY = 1.0
DAY_S = 86_400.0
MINUTE_S = 60.0
NORMAL_95 = 1.96


@dataclass(frozen=True)
class Sample:
    at_s: float
    own_kb: int
    resident_kb: int
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Slope:
    """Megabytes a day, and where it lies with 95 %."""

    mb_a_day: float
    lo: float
    hi: float


@dataclass
class Vitals:
    """Samples by life: each process that was looked at."""

    lives: dict[int, list[Sample]] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        """Take a sample, unless the process is gone."""
        try:
            self.lives.setdefault(pid, []).append(sample(pid))
        except OSError:
            return

    def write(self, path: Path) -> None:
        """Every sample, a line each: whose it is, then its columns; what a verdict on growth rests on."""
        lines = [(pid, *astuple(one)) for pid, samples in self.lives.items() for one in samples]
        names = ("pid", *(column.name for column in fields(Sample)))
        path.write_text("".join("\t".join(map(str, line)) + "\n" for line in (names, *lines)))

    def summary(self) -> dict[str, float | None]:
        """The most of everything, and how the longest life grew; None where it was too short to say."""
        every = [one for samples in self.lives.values() for one in samples]
        warm = warmed(max(filter(None, self.lives.values()), key=lambda samples: samples[-1].at_s - samples[0].at_s))
        lasted_s = warm[-1].at_s - warm[0].at_s if warm else 0.0
        slope = slope_of(warm) if lasted_s >= LEAST_S else None
        return {
            "most_resident_mb": round(max(one.resident_kb for one in every) / 1024, 1),
            "most_own_mb": round(max(one.own_kb for one in every) / 1024, 1),
            "most_descriptors": max(one.descriptors for one in every),
            "most_threads": max(one.threads for one in every),
            "judged_s": round(lasted_s),
            "memory_mb_a_day": slope and round(slope.mb_a_day, 2),
            "memory_mb_a_day_lo": slope and round(slope.lo, 2),
            "memory_mb_a_day_hi": slope and round(slope.hi, 2),
            "descriptors_grown": descriptors_grown(warm) if slope else None,
        }


def steady(summary: dict[str, float | None]) -> bool:
    """Whether nothing grew, as far as the life was long enough to say."""
    slope = summary["memory_mb_a_day"]
    return slope is None or (slope <= MOST_MB_A_DAY and not summary["descriptors_grown"])


def sample(pid: int) -> Sample:
    """Raises OSError when there is no such process, or it has ended and nobody has taken note.

    smaps_rollup counts the pages; RssAnon in status may be a few hundred kilobytes behind (proc(5)).
    """
    status = _fields(pid, "status")
    if "VmRSS" not in status:
        raise ProcessLookupError(pid)
    own, resident = _fields(pid, "smaps_rollup")["Anonymous"], status["VmRSS"]
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    kilobytes = (int(written.split()[0]) for written in (own, resident))
    return Sample(time.monotonic(), *kilobytes, descriptors, int(status["Threads"]))


def _fields(pid: int, name: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
    return {key: value for key, colon, value in (line.partition(":") for line in lines) if colon}


def warmed(life: Sequence[Sample]) -> Sequence[Sample]:
    """What came after WARM_S."""
    return [one for one in life if one.at_s - life[0].at_s >= WARM_S]


def slope_of(samples: Sequence[Sample]) -> Slope:
    """Of the medians of each minute, of which there must be three at least."""
    minutes = [list(group) for _, group in groupby(samples, lambda one: one.at_s // MINUTE_S)]
    points = [(median(one.at_s for one in every), median(one.own_kb for one in every)) for every in minutes]
    slopes = sorted((b_kb - a_kb) / (b_s - a_s) for (a_s, a_kb), (b_s, b_kb) in combinations(points, 2))
    n = len(points)
    within = NORMAL_95 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lo = max(0, round((len(slopes) - within) / 2))
    found = (median(slopes), slopes[lo], slopes[len(slopes) - 1 - lo])
    return Slope(*(kb_a_second / 1024 * DAY_S for kb_a_second in found))


def descriptors_grown(samples: Sequence[Sample]) -> float:
    """From the first to the last quarter: the medians, for a lost connection is none the fewer for long."""
    quarter = max(1, len(samples) // 4)
    return median(one.descriptors for one in samples[-quarter:]) - median(one.descriptors for one in samples[:quarter])

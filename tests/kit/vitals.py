"""What a process takes while it lives: resident memory, descriptors, threads, from /proc, and how memory grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SETTLED_S = 60.0
"""A process grows in its first minute, whatever it is."""
LEAST_S = 240.0
"""Of a shorter life a slope says more of chance."""
DAY_S = 86_400.0


@dataclass(frozen=True)
class Sample:
    at_s: float
    resident_kb: int
    descriptors: int
    threads: int


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

    def summary(self) -> dict[str, float | None]:
        """The most of everything, and how the longest life grew; None where none lived long enough to say."""
        every = [one for samples in self.lives.values() for one in samples]
        longest = max(self.lives.values(), key=lambda samples: samples[-1].at_s - samples[0].at_s)
        settled = [one for one in longest if one.at_s - longest[0].at_s >= SETTLED_S]
        lasted_s = settled[-1].at_s - settled[0].at_s if settled else 0.0
        return {
            "most_resident_mb": round(max(one.resident_kb for one in every) / 1024, 1),
            "most_descriptors": max(one.descriptors for one in every),
            "most_threads": max(one.threads for one in every),
            "settled_life_s": round(lasted_s),
            "memory_mb_a_day": round(slope_mb_a_day(settled), 2) if lasted_s >= LEAST_S else None,
            "descriptors_grown": settled[-1].descriptors - settled[0].descriptors if settled else None,
        }


def sample(pid: int) -> Sample:
    """Raises OSError when there is no such process."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in fields:
        raise ProcessLookupError(pid)
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(time.monotonic(), int(fields["VmRSS"].split()[0]), descriptors, int(fields["Threads"]))


def slope_mb_a_day(samples: Sequence[Sample]) -> float:
    """Of the straight line through the samples (least squares)."""
    middle_s = sum(one.at_s for one in samples) / len(samples)
    middle_kb = sum(one.resident_kb for one in samples) / len(samples)
    spread = sum((one.at_s - middle_s) ** 2 for one in samples)
    together = sum((one.at_s - middle_s) * (one.resident_kb - middle_kb) for one in samples)
    return together / spread / 1024 * DAY_S if spread else 0.0

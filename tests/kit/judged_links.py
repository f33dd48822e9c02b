"""What the availability of a played day was worth: each device's hours as they were beside what was told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.load.attendance import KEPT_S
from tests.kit.day_links import AWAY_S, BEAT_S, HOUR_S, DayLinks, Hour, Span


@dataclass(frozen=True, slots=True)
class Available:
    """A device, in the hours of a day that are over: of the time in which the agent ran, how much it could be heard and
    was said to answer; how often it went away, and was said to (`blurred_n` times more polls or a restart may hide it);
    how much of the time was known, and said to be. `wrong` are the hours that were told otherwise than those can blur.
    """

    device: str
    true_pct: float
    told_pct: float | None
    went_n: int
    blurred_n: int
    told_n: int
    known_true_pct: float
    known_pct: float
    wrong: tuple[int, ...]

    @property
    def faults(self) -> Iterator[str]:
        if self.wrong:
            told = "never" if self.told_pct is None else f"{self.told_pct:.2f} %"
            yield f"{self.device} available {told} instead of {self.true_pct:.2f} %, hours {self.wrong} are wrong"
        if not self.went_n <= self.told_n <= self.went_n + self.blurred_n:
            yield f"{self.device} went away {self.went_n} times, told {self.told_n}"


def judge_links(links: DayLinks, day_s: float) -> Iterator[Available]:
    """Hold the hours that were told against the true ones; a day without a whole hour has none."""
    hours = int(day_s // HOUR_S)
    for device, down in links.down.items() if hours else ():
        true = [_true(hour, down, links.dark) for hour in range(hours)]
        told = [_told(hour, device, links.told) for hour in range(hours)]
        answered_s, away_s = (sum(one[part] for one in told) for part in (0, 1))
        true_s, ran_s = sum(up_s for up_s, _ in true), sum(up_s + down_s for up_s, down_s in true)
        gone = [one for one in down if one.end_s - one.begin_s > AWAY_S - BEAT_S and one.begin_s < hours * HOUR_S]
        blurred_n = sum(_is_blurred(one, links.dark, hours * HOUR_S) for one in gone)
        yield Available(
            device,
            true_pct=100.0 * true_s / ran_s,
            told_pct=100.0 * answered_s / (answered_s + away_s) if answered_s + away_s else None,
            went_n=len(gone) - blurred_n,
            blurred_n=blurred_n,
            told_n=sum(one.away_n for one in links.told if one.device == device),
            known_true_pct=100.0 * ran_s / (hours * HOUR_S),
            known_pct=100.0 * (answered_s + away_s) / (hours * HOUR_S),
            wrong=tuple(hour for hour in range(hours) if _is_wrong(hour, true[hour], told[hour], down, links.dark)),
        )


def _overlap_s(one: Span, other: Span) -> float:
    return max(0.0, min(one.end_s, other.end_s) - max(one.begin_s, other.begin_s))


def _true(hour: int, down: Sequence[Span], dark: Span) -> tuple[float, float]:
    """Seconds in which it could be heard and in which it could not, while the agent ran."""
    of = Span(hour * HOUR_S, (hour + 1) * HOUR_S)
    before, after = Span(of.begin_s, min(of.end_s, dark.begin_s)), Span(max(of.begin_s, dark.end_s), of.end_s)
    away_s = sum(_overlap_s(one, part) for one in down for part in (before, after))
    return HOUR_S - _overlap_s(of, dark) - away_s, away_s


def _told(hour: int, device: str, told: Sequence[Hour]) -> tuple[float, float]:
    """Records of one hour add up."""
    of = [one for one in told if one.device == device and one.begin_s == hour * HOUR_S]
    return sum(one.answered_s for one in of), sum(one.away_s for one in of)


def _is_blurred(one: Span, dark: Span, end_s: float) -> bool:
    """Whether it was short for polls, or began at the end, or where the agent was away or had not kept what it knew."""
    hidden = dark.begin_s - KEPT_S - AWAY_S <= one.begin_s < dark.end_s + BEAT_S
    return hidden or one.end_s - one.begin_s < AWAY_S or one.begin_s >= end_s - AWAY_S - BEAT_S


def _is_wrong(
    hour: int, true: tuple[float, float], told: tuple[float, float], down: Sequence[Span], dark: Span
) -> bool:
    """Going away is known AWAY_S late, to a beat; a restart forgets KEPT_S, and must hear of each device anew."""
    near = Span(hour * HOUR_S - AWAY_S - BEAT_S, (hour + 1) * HOUR_S + BEAT_S)
    edges = sum(near.begin_s <= one.begin_s <= near.end_s for one in down) + (hour == 0)
    blur_s = BEAT_S + (AWAY_S + 2.0 * BEAT_S) * edges
    if _overlap_s(Span(near.begin_s, near.end_s), dark):
        blur_s += KEPT_S + AWAY_S + 2.0 * BEAT_S
    return any(abs(one - other) > blur_s for one, other in zip(true, told, strict=True))

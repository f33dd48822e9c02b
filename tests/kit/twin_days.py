"""Every kind of day of the twin through the real load model, in virtual time: the truth beside what was told.

./dev days [--day typhoon] [--seed 1] [--hours 24] [--json] [--png DIR]

Exit code 0 only when each day was told as it was: every stop, jam, alarm and full floor, every level that held for as
long as its threshold asks and a minute more, none more often than it truly began, how long each device answered in
every hour, nothing false. A level that held shorter is rightly not told, and counted so. Intervals to saturation are
shown, not judged: few come to their end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from agent.twin.script import KINDS, OPENS_H
from tests.kit import folders
from tests.kit.judged_alarms import Alarms
from tests.kit.judged_day import Judged, judge
from tests.kit.played_day import SITE, Played, play


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev days", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--day", choices=KINDS, help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another day (1)")
    parser.add_argument("--hours", type=float, default=24.0, help="how long a day is played, from nine o'clock (24)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--png", type=Path, metavar="DIR", help="a picture of each day there")
    args = parser.parse_args()
    if args.png:
        folders.make(parser, "--png", args.png)
    found: dict[str, tuple[Played, Judged]] = {}
    for kind in [args.day] if args.day else KINDS:
        day = play(kind, args.seed, 3600.0 * args.hours)
        found[kind] = day, judge(day)
        if args.png:
            _draw(args.png, *found[kind])
        if not args.json:
            print("\n".join(_told(*found[kind])), flush=True)
    if args.json:
        print(json.dumps({kind: _as_json(*one) for kind, one in found.items()}))
    return int(any(judged.faults for _, judged in found.values()))


def _draw(folder: Path, day: Played, judged: Judged) -> None:
    from tests.kit.day_picture import draw  # the only one who needs a library for pictures

    draw(day, judged, folder / f"{day.kind}-{day.seed}.png")


def _told(day: Played, judged: Judged) -> Iterator[str]:
    """The day as a table."""
    yield f"\n{day.kind} day, seed {day.seed}, mode {day.mode}: {'; '.join(judged.faults) or 'told as it was'}"
    came, gone, _ = day.flows[SITE][-1]
    yield f"  {'parcels in and out':<24}true {came} {gone}, told {day.counted[0]} {day.counted[1]}"
    for one in judged.levels:
        if one.episodes or one.told:
            row = (
                f"{one.episodes} real episodes, {one.short} shorter than the hold; {one.told} told, {one.missed} missed"
            )
            yield f"  {f'{one.subject} {one.level}':<24}{row}"
    for stop in judged.stops:
        told = f"told {_clock(stop.told_s)} to {_clock(stop.over_s)}"
        yield f"  {f'{stop.subject} stands':<24}{_clock(stop.began_s)} to {_clock(stop.ended_s)}, {told}"
    if judged.jam_s:
        yield f"  {'north jammed':<24}{judged.jam_s / 60:.0f} min, told {judged.blocked_s / 60:.0f} min blocked"
    for full in judged.fulls:
        leads = ", ".join(f"the {level} min warning {lead:.0f} min before" for level, lead in full.leads_min.items())
        yield f"  {'floor full':<24}{_clock(full.at_s)}, OVERFLOW told {_clock(full.told_s)}; {leads or 'no warning'}"
    if judged.tts_claims:
        yield f"  {'time to saturation':<24}interval held the truth in {judged.tts_held} of {judged.tts_claims} looks"
    if judged.locker_right < 1.0 or day.kind == "lockers":
        yield f"  {'locker':<24}occupied told right in {judged.locker_right:.0%} of all looks"
    for one in judged.available:
        said = f"told {_pct(one.told_pct)}, known {one.known_pct:.2f} %"
        perhaps = f" to {one.went_n + one.blurred_n}" if one.blurred_n else ""
        away = f"went away {one.went_n}{perhaps} times, told {one.told_n}"
        yield f"  {f'{one.device} available':<24}true {one.true_pct:.2f} %, {said}; {away}"
    yield from _alarms(judged.alarms)


def _alarms(alarms: Alarms) -> Iterator[str]:
    """Each alarm as it was and as it was told."""
    for one in alarms.true:
        true, told = (
            f"{_clock_s(one.began_s)} to {_clock_s(one.ended_s)}",
            f"{_clock_s(one.told_s)} to {_clock_s(one.over_s)}",
        )
        after = f"first {one.first_told}" + ("" if one.first == one.first_told else f", in truth {one.first}")
        yield f"  {f'alarm {one.alarm}':<24}{true}, told {told}; {after}"
    found = f"{len(alarms.true)} true, {alarms.missed} missed, {len(alarms.false)} false"
    gasps = f"; mains lost {alarms.mains} times, {alarms.gasps} last gasps" if alarms.mains or alarms.gasps else ""
    yield f"  {'alarms':<24}{found}{gasps}"


def _pct(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.2f} %"


def _clock_s(at_s: float | None) -> str:
    if at_s is None:
        return "the end"
    second = round(3600 * OPENS_H + at_s)
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _clock(at_s: float | None) -> str:
    if at_s is None:
        return "never"
    minutes = round(60 * OPENS_H + at_s / 60.0)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _as_json(day: Played, judged: Judged) -> dict[str, object]:
    moves = [
        {"at_s": at_s, "subject": subject, "before": move.before, "after": move.after, "cause": move.cause}
        for at_s, subject, move in day.moves
    ]
    return {
        "seed": day.seed,
        "mode": day.mode,
        "episodes": [asdict(one) for one in day.script.episodes],
        "true": {"came": day.flows[SITE][-1][0], "gone": day.flows[SITE][-1][1]},
        "judged": asdict(judged) | {"faults": judged.faults},
        "transitions": moves,
        "warnings": [{"at_s": at_s, "level_min": one.level_min, "raised": one.raised} for at_s, one in day.warnings],
    }


if __name__ == "__main__":
    sys.exit(main())

"""A played day as a picture: what was true and what was said, one above the other over the hours of the day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from agent.load.early import LEVELS_MIN
from agent.twin.counted_day import PAUSE_S
from agent.twin.script import OPENS_H, What
from config.load_settings import DEFAULTS
from tests.kit.judged_day import Judged, reality, true_ranks
from tests.kit.played_day import FLOOR_PARCELS, LINES, SITE, STEP_S, Played

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})

COLOURS = {
    "UNKNOWN": "#d9d9d9",
    "STOPPED": "#6a51a3",
    "SUSPENDED": "#9e9ac8",
    "NORMAL": "#74c476",
    "BUSY": "#fee391",
    "SATURATED": "#fd8d3c",
    "OVERFLOW": "#cb181d",
}
LEVELS = ("NORMAL", "BUSY", "SATURATED", "OVERFLOW")
HAPPENS: dict[What, str] = {
    "stop": "north stopped",
    "jam": "north jammed",
    "mains": "mains lost",
    "storm": "storm",
    "rush": "rush at the locker",
}
TRUE, SAID = "#252525", "#2171b5"


def draw(day: Played, judged: Judged, file: Path) -> None:
    """Write the picture of a day to `file`."""
    with_locker = any(look.occupied_told is not None for look in day.looks)
    names = list(dict.fromkeys(one.alarm for one in (*judged.alarms.true, *judged.alarms.false)))
    heights = [3.0, 2.4, 2.2, *([1.4] if with_locker else []), *([0.3 + 0.3 * len(names)] if names else [])]
    figure = Figure(figsize=(11, 1.0 + 0.92 * sum(heights)), dpi=110, layout="constrained")
    axes = list(figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights}))
    verdict = "; ".join(judged.faults) or "told as it was"
    figure.suptitle(
        f"{day.kind} day, seed {day.seed}, mode {day.mode}: {verdict}", fontweight="bold", x=0.01, ha="left"
    )
    _states(day, axes[0])
    _floor(day, judged, axes[1])
    _forecast(day, axes[2])
    if with_locker:
        _locker(day, axes[3])
    if names:
        _alarms(day, judged, names, axes[-1])
    for axis in axes:
        _episodes(day, axis, named=axis is axes[1])
        axis.set_xlim(OPENS_H, OPENS_H + len(day.flows[SITE]) * STEP_S / 3600.0)
    axes[-1].set_xticks(range(int(OPENS_H), int(OPENS_H + len(day.flows[SITE]) * STEP_S / 3600.0) + 1, 2))
    axes[-1].xaxis.set_major_formatter(lambda hour, _: f"{int(hour) % 24:02d}:00")
    figure.savefig(file)


def _hour(at_s: float) -> float:
    return OPENS_H + at_s / 3600.0


def _spans(day: Played, subject: str) -> Iterator[tuple[float, float, str]]:
    """From hour, for hours, which state was told."""
    begin_s, state = 0.0, "UNKNOWN"
    for at_s, name, move in day.moves:
        if name == subject:
            yield _hour(begin_s), (at_s - begin_s) / 3600.0, state
            begin_s, state = at_s, move.after
    yield _hour(begin_s), (len(day.flows[SITE]) * STEP_S - begin_s) / 3600.0, state


def _true_spans(day: Played, subject: str) -> Iterator[tuple[float, float, str]]:
    ranks = true_ranks(reality(day)[subject], DEFAULTS[day.mode])
    begin = 0
    for step in range(1, len(ranks) + 1):
        if step == len(ranks) or ranks[step] != ranks[begin]:
            yield _hour(begin * STEP_S), (step - begin) * STEP_S / 3600.0, LEVELS[ranks[begin]]
            begin = step


def _states(day: Played, axis: Any) -> None:
    subjects = [SITE, *(line.id for line in LINES)]
    ticks: list[tuple[float, str]] = []
    for row, subject in enumerate(reversed(subjects)):
        for offset, spans, what in ((0.44, _true_spans(day, subject), "true"), (0.0, _spans(day, subject), "said")):
            for begin, lasts, state in spans:
                axis.broken_barh([(begin, lasts)], (row + offset, 0.38), color=COLOURS[state], linewidth=0)
            ticks.append((row + offset + 0.19, f"{subject}, {what}"))
    axis.set_yticks([at for at, _ in ticks], [name for _, name in ticks])
    axis.set_ylim(-0.1, len(subjects))
    handles = [
        mpl.patches.Patch(color=colour, label=state) for state, colour in COLOURS.items() if state != "SUSPENDED"
    ]
    axis.legend(handles=handles, ncols=len(handles), loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False)


def _floor(day: Played, judged: Judged, axis: Any) -> None:
    hours = [_hour((step + 1) * STEP_S) for step in range(len(day.flows[SITE]))]
    axis.plot(hours, [level for _, _, level in day.flows[SITE]], color=TRUE, lw=2.2, label="true")
    told = [(_hour(look.at_s), look.backlog) for look in day.looks if look.backlog is not None]
    axis.plot([at for at, _ in told], [level for _, level in told], color=SAID, lw=1.2, ls="--", label="said (backlog)")
    axis.axhline(FLOOR_PARCELS, color=COLOURS["OVERFLOW"], lw=0.8)
    axis.annotate(
        "floor full", (hours[0], FLOOR_PARCELS), xytext=(4, 2), textcoords="offset points", color=COLOURS["OVERFLOW"]
    )
    for full in judged.fulls:
        axis.plot(_hour(full.at_s), FLOOR_PARCELS, "o", color=COLOURS["OVERFLOW"])
    axis.set_ylabel("parcels on the floor")
    axis.set_ylim(0, 1.15 * max(FLOOR_PARCELS, *(level for _, _, level in day.flows[SITE])))
    axis.legend(loc="upper right", frameon=False, bbox_to_anchor=(1.0, 0.9))


def _forecast(day: Played, axis: Any) -> None:
    claims = [(_hour(look.at_s), look.tts) for look in day.looks if look.tts and look.level < FLOOR_PARCELS]
    for at, tts in claims:
        axis.plot([at, at], [tts.lo, 480.0 if tts.hi is None else min(tts.hi, 480.0)], color=SAID, lw=2.5, alpha=0.25)
    axis.plot(
        [at for at, _ in claims], [tts.min for _, tts in claims], "o", ms=3, color=SAID, label="said, with interval"
    )
    axis.plot(*_true_tts(day), color=TRUE, lw=1.5, label="true")
    for level in LEVELS_MIN:
        axis.axhline(level, color="#bdbdbd", lw=0.6, zorder=0)
    for at_s, warning in day.warnings:
        mark = "^" if warning.raised else "v"
        axis.plot(_hour(at_s), warning.level_min, mark, color=COLOURS["SATURATED"], ms=7, mec=TRUE, mew=0.5)
    if day.warnings:
        axis.plot([], [], "^", color=COLOURS["SATURATED"], mec=TRUE, mew=0.5, ms=7, label="early warning (▼ ends)")
    axis.set_ylim(0, 480)
    axis.set_yticks([0, *sorted(LEVELS_MIN), 480])
    axis.set_ylabel("minutes until full")
    axis.legend(loc="upper right", frameon=False)


def _true_tts(day: Played) -> tuple[list[float], list[float]]:
    """The minutes until the floor next was full; a gap where it was full, or never was again."""
    next_s: float | None = None
    hours, minutes = [], []
    for step in range(len(day.flows[SITE]) - 1, -1, -1):
        full = day.flows[SITE][step][2] >= FLOOR_PARCELS
        next_s = step * STEP_S if full else next_s
        hours.append(_hour(step * STEP_S))
        minutes.append(float("nan") if next_s is None or full else (next_s - step * STEP_S) / 60.0)
    return hours, minutes


def _locker(day: Played, axis: Any) -> None:
    hours = [_hour(look.at_s) for look in day.looks]
    axis.step(hours, [look.occupied for look in day.looks], color=TRUE, lw=2.2, label="true")
    axis.step(hours, [look.occupied_told for look in day.looks], color=SAID, lw=1.2, ls="--", label="said")
    axis.axhline(30, color=COLOURS["OVERFLOW"], lw=0.8)
    axis.set_ylabel("occupied of 30")
    axis.set_ylim(0, 33)
    axis.legend(loc="lower left", frameon=False, ncols=2)


def _alarms(day: Played, judged: Judged, names: list[str], axis: Any) -> None:
    """Above what was true, below what was told; a diamond where the mains' last gasp came."""
    last_s = len(day.flows[SITE]) * STEP_S
    for one in judged.alarms.true:
        row = len(names) - 1 - names.index(one.alarm)
        for offset, begin_s, end_s, colour in (
            (0.44, one.began_s, one.ended_s, TRUE),
            (0.06, one.told_s, one.over_s, SAID),
        ):
            if begin_s is not None:
                lasts_h = (last_s if end_s is None else end_s) / 3600.0 - begin_s / 3600.0
                axis.broken_barh([(_hour(begin_s), lasts_h)], (row + offset, 0.36), color=colour, linewidth=0)
    for false in judged.alarms.false:
        axis.plot(_hour(false.at_s), len(names) - 1 - names.index(false.alarm) + 0.24, "x", color=COLOURS["OVERFLOW"])
    for at_s in day.gasps:
        axis.plot(_hour(at_s), len(names) + 0.15, "D", ms=6, color=COLOURS["OVERFLOW"], mec=TRUE, mew=0.5)
        axis.annotate("last gasp", (_hour(at_s), len(names) + 0.15), xytext=(7, -3), textcoords="offset points")
    firsts = {one.alarm: one.first == one.alarm for one in judged.alarms.true}
    labels = [f"{name} (first)" if firsts.get(name) else name for name in reversed(names)]
    axis.set_yticks([row + 0.43 for row in range(len(names))], labels)
    axis.set_ylim(-0.1, len(names) + (0.5 if day.gasps else 0.0))
    handles = [mpl.patches.Patch(color=TRUE, label="alarm, true"), mpl.patches.Patch(color=SAID, label="told")]
    axis.legend(handles=handles, loc="upper right", frameon=False)


def _episodes(day: Played, axis: Any, *, named: bool) -> None:
    axis.axvspan(*map(_hour, PAUSE_S), color="#d9d9d9", alpha=0.6, lw=0, zorder=0)
    if named:
        axis.text(_hour(PAUSE_S[1]) + 0.05, 0.78, "briefing", transform=axis.get_xaxis_transform(), va="top")
    for episode in day.script.of(*HAPPENS):
        begin, end = _hour(episode.begin_s), _hour(episode.end_s)
        light = episode.what == "storm"
        axis.axvspan(begin, end, color="#9ecae1" if light else "#bcbddc", alpha=0.25 if light else 0.45, lw=0, zorder=0)
        if named:
            height = 0.97 if light else 0.86
            axis.text(begin + 0.05, height, HAPPENS[episode.what], transform=axis.get_xaxis_transform(), va="top")

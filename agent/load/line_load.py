"""The figures of a line at one moment, as the model draws them; `agent.load.metric_rows` defines each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from agent.load.flow import Flow
from agent.load.machine import Cause, State
from agent.load.records import NOTHING_SO_FAR, SoFar

Quality = Literal["good", "estimated", "partial", "stale", "bad", "unsupported"]


class Pace(NamedTuple):
    """How parcels go through a line; None is not known."""

    tempo: float | None = None
    ramp_pph_min: float | None = None
    recirc_rate: float | None = None
    reject_rate: float | None = None
    manual_rate: float | None = None
    transit_min: float | None = None
    smoothness: float | None = None
    kwh_per_1000: float | None = None
    starved_s: float = 0.0
    blocked_s: float = 0.0
    idle_run_s: float | None = None


class Room(NamedTuple):
    """What a line or site can sort, and how much more it could take; None is not known."""

    capacity_eff_pph: float | None = None
    headroom_pph: float | None = None
    headroom_parcels: float | None = None


class Steered(NamedTuple):
    """What a line or site is steered by; None is not known."""

    tts_min: float | None = None
    tts_lo_min: float | None = None
    tts_hi_min: float | None = None
    clear_min: float | None = None
    warn_min: int | None = None
    state: State = "UNKNOWN"
    state_s: float = 0.0
    cause: Cause = "no_figures"


PACE, ROOM, STEERED = Pace(), Room(), Steered()
"""Nothing is known."""


class LineLoad(NamedTuple):
    """A line at one moment. A role without counters, or of which none was ever read, is None; None is not known.

    `wip` is inducted - discharged - rejected since the emptiest moment of the last day: the least that agrees with
    every count, right once the line has been empty, to what passes within one period of its counters. `wip_lo` is the
    same of what is certain; no counter tells how much more was there. `load_index` and `fill_ratio` like `wip` say at
    least, and `quality` is not `good` until the line was seen empty.
    """

    induct: Flow | None
    discharge: Flow | None
    recirculation: Flow | None
    reject: Flow | None
    wip: int | None
    wip_lo: int | None
    takt_s: float | None
    load_ratio_in: float | None
    load_ratio_out: float | None
    fill_ratio: float | None
    load_index: float | None
    quality: Quality
    wip_drift: int = 0
    manual: Flow | None = None
    pace: Pace = PACE
    room: Room = ROOM
    steered: Steered = STEERED
    so_far: SoFar = NOTHING_SO_FAR


class Standing(NamedTuple):
    """The few figures by which a line or site is judged, drawn at every sample; None is not known.

    `came` and `went` are totals of what came onto it and left it; they continue as long as `breaks` stays. `level`
    of `size` parcels are there, `gone_pph` is all that leaves. Where passes are counted both hold the parcels that went
    round. `out` is the total of what was discharged.
    """

    in_pph: float | None
    out_pph: float | None
    gone_pph: float | None
    level: int | None
    size: int | None
    came: int
    went: int
    breaks: int
    ratio_in: float | None
    fill: float | None
    load_index: float | None
    settled_s: float
    out: int = 0


NOWHERE = Standing(None, None, None, None, None, 0, 0, 0, None, None, None, 0.0)
"""Before the first sample."""

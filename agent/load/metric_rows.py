"""The table of metrics: every figure that is sent, defined once.

What each means in words stands in config/texts/metrics.toml; docs/metrics.md is made of both.

Columns: name in the model, field in payloads, unit, decimals, window in seconds, rule, source.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.load.metrics import Group, Metric

_PPH, _N, _ONE = "parcels/h", "parcels", "1"

FLOW = Group(
    (
        Metric("total", "total", _N, None, None, "always", "counters"),
        Metric("lo", "lo", _N, None, None, "doubted", "counters"),
        Metric("hi", "hi", _N, None, None, "doubted", "counters"),
        Metric("pph_10", "pph_10", _PPH, 0, 10, "all fresh", "counters"),
        Metric("pph_60", "pph", _PPH, 0, 60, "all fresh", "counters"),
        Metric("pph_900", "pph_900", _PPH, 0, 900, "all fresh", "counters"),
    )
)
"""Of each role: `in_` induct, `out_` discharge, `recirc_`, `reject_`, `manual_`; at the docks `unload_`, `load_`."""

CERTAIN_FLOW = Group(one for one in FLOW if one.name not in {"lo", "hi"})
"""Of a role whose total is certain: it has no interval."""

STATION = Group((Metric("pph_900", "station_pph", _PPH, 0, 900, "all fresh", "counters"),))
"""Of each induct station of a line that has several, by the name of its counter."""

STEERING = Group(
    (
        Metric("steered.tts_min", "tts_min", "min", 0, 900, "interval", "counters"),
        Metric("steered.tts_lo_min", "tts_lo_min", "min", 0, 900, "interval", "counters"),
        Metric("steered.tts_hi_min", "tts_hi_min", "min", 0, 900, "interval", "counters"),
        Metric("steered.clear_min", "clear_min", "min", 0, 900, "all fresh", "counters"),
        Metric("steered.warn_min", "warn_min", "min", None, 900, "settled", "counters"),
        Metric("steered.state", "state", "state", None, None, "always", "counters"),
        Metric("steered.state_s", "state_s", "s", 0, None, "at least", "clock"),
        Metric("steered.cause", "cause", "cause", None, None, "always", "counters"),
    )
)
"""What a line and a site are steered by."""

RECORDS = Group(
    (
        Metric("so_far.peak_pph", "peak_day_pph", _PPH, 0, 900, "settled", "clock"),
        Metric("so_far.peak_ms", "peak_day_ms", "ms since 1970", None, None, "settled", "clock"),
        Metric("so_far.peak_to_mean", "peak_to_mean", _ONE, 3, 86400, "settled", "clock"),
        Metric("so_far.hour", "hour_parcels", _N, None, None, "dated", "clock"),
        Metric("so_far.shift", "shift_parcels", _N, None, None, "dated", "clock"),
        Metric("so_far.day", "day_parcels", _N, None, None, "dated", "clock"),
        Metric("so_far.season", "season_parcels", _N, None, None, "dated", "clock"),
        Metric("so_far.wave_id", "wave", "wave", None, None, "dated", "clock"),
        Metric("so_far.wave", "wave_parcels", _N, None, None, "dated", "clock"),
        Metric("so_far.wave_left_min", "wave_left_min", "min", 0, None, "dated", "clock"),
        Metric("so_far.wave_slack_min", "wave_slack_min", "min", 0, None, "dated", "clock"),
    )
)
"""What has come together so far, told with the state."""

LINE = Group(
    (
        Metric("wip", "wip", _N, None, None, "at least", "counters"),
        Metric("wip_lo", "wip_lo", _N, None, None, "at least", "counters"),
        Metric("wip_drift", "wip_drift", _N, None, None, "always", "counters", rare=True),
        Metric("takt_s", "takt_s", "s", 3, 60, "all fresh", "counters"),
        Metric("pace.tempo", "tempo", _ONE, 4, 900, "all fresh", "counters"),
        Metric("pace.ramp_pph_min", "ramp_pph_min", "parcels/h per min", 1, 600, "settled", "counters"),
        Metric("pace.recirc_rate", "recirc_rate", _ONE, 4, 900, "all fresh", "counters"),
        Metric("pace.reject_rate", "reject_rate", _ONE, 4, 900, "all fresh", "counters"),
        Metric("pace.manual_rate", "manual_rate", _ONE, 4, 900, "all fresh", "counters"),
        Metric("pace.transit_min", "transit_min", "min", 1, 900, "at least", "counters"),
        Metric("pace.smoothness", "smoothness", _ONE, 3, 3600, "settled", "counters"),
        Metric("room.capacity_eff_pph", "capacity_eff_pph", _PPH, 0, None, "always", "settings"),
        Metric("load_ratio_in", "load_ratio_in", _ONE, 4, 900, "all fresh", "counters"),
        Metric("load_ratio_out", "load_ratio_out", _ONE, 4, 900, "all fresh", "counters"),
        Metric("fill_ratio", "fill_ratio", _ONE, 4, None, "at least", "counters"),
        Metric("load_index", "load_index", "0-200", 1, 900, "at least", "counters"),
        Metric("room.headroom_pph", "headroom_pph", _PPH, 0, 900, "all fresh", "counters"),
        Metric("room.headroom_parcels", "headroom_parcels", _N, 0, None, "at least", "counters"),
        Metric("pace.kwh_per_1000", "kwh_per_1000", "kWh", 3, 3600, "settled", "energy meter"),
        Metric("pace.starved_s", "starved_s", "s", 0, None, "always", "counters", rare=True),
        Metric("pace.blocked_s", "blocked_s", "s", 0, None, "always", "counters", rare=True),
        Metric("pace.idle_run_s", "idle_run_s", "s", 0, None, "always", "run input"),
        *STEERING,
    )
)

SITE = Group(
    (
        Metric("lines", "lines", "lines", None, None, "always", "settings"),
        Metric("in_pph", "in_pph", _PPH, 0, 60, "all fresh", "counters"),
        Metric("in_pph_900", "in_pph_900", _PPH, 0, 900, "all fresh", "counters"),
        Metric("out_pph", "out_pph", _PPH, 0, 60, "all fresh", "counters"),
        Metric("out_pph_900", "out_pph_900", _PPH, 0, 900, "all fresh", "counters"),
        Metric("wip", "wip", _N, None, None, "at least", "counters"),
        Metric("backlog", "backlog", _N, None, None, "estimate", "stock-take"),
        Metric("backlog_err", "backlog_err", _N, None, None, "estimate", "stock-take"),
        Metric("backlog_drift", "backlog_drift", _N, None, None, "always", "counters", rare=True),
        Metric("backlog_based", "backlog_based", "true or false", None, None, "always", "stock-take"),
        Metric("backlog_age_s", "backlog_age_s", "s", 0, None, "at least", "stock-take"),
        Metric("backlog_hours", "backlog_hours", "h", 2, None, "estimate", "counters"),
        Metric("room.capacity_eff_pph", "capacity_eff_pph", _PPH, 0, None, "always", "settings"),
        Metric("load_ratio_in", "load_ratio_in", _ONE, 4, 900, "all fresh", "counters"),
        Metric("load_ratio_out", "load_ratio_out", _ONE, 4, 900, "all fresh", "counters"),
        Metric("fill_ratio", "fill_ratio", _ONE, 4, None, "estimate", "counters"),
        Metric("load_index", "load_index", "0-200", 1, 900, "at least", "counters"),
        Metric("room.headroom_pph", "headroom_pph", _PPH, 0, 900, "all fresh", "counters"),
        Metric("room.headroom_parcels", "headroom_parcels", _N, 0, None, "estimate", "counters"),
        Metric("balance_index", "balance_index", _ONE, 3, 900, "all fresh", "counters"),
        *STEERING,
    )
)

SCAN = Group(
    (
        Metric("total", "scan_total", _N, None, None, "always", "scans"),
        Metric("pph_60", "scan_pph", _PPH, 0, 60, "settled", "scans"),
        Metric("pph_900", "scan_pph_900", _PPH, 0, 900, "settled", "scans"),
        Metric("recirculated", "scan_recirc", _N, None, None, "always", "scans"),
        Metric("duplicate", "scan_duplicate", "lines", None, None, "always", "scans"),
        Metric("no_read", "scan_no_read", _N, None, None, "at least", "scans"),
        Metric("multi", "scan_multi", "lines", None, None, "always", "scans", rare=True),
        Metric("bad", "scan_bad", "lines", None, None, "always", "scans", rare=True),
        Metric("forgotten", "scan_forgotten", "codes", None, None, "always", "scans", rare=True),
        Metric("peak_per_s", "scan_peak", "parcels/s", None, None, "at least", "scans"),
        Metric("chutes_used", "chutes_used", "chutes", None, None, "at least", "scans"),
        Metric("no_read_rate", "noread_rate", _ONE, 4, 900, "settled", "scans"),
    )
)

INPUTS = Group(
    (
        Metric("run", "run", "true or false", None, None, "all fresh", "run input"),
        Metric("stop_s", "stop_s", "s", 1, None, "at least", "run input"),
        Metric("flow_pct", "flow_pct", "%", 2, 3600, "settled", "run input"),
        Metric("jam_n", "jam_n", "jams", None, None, "at least", "inputs"),
        Metric("estop_n", "estop_n", "stops", None, None, "at least", "inputs"),
        Metric("chute_full_n", "chute_full_n", "times", None, None, "at least", "inputs"),
        Metric("motor_fault_n", "motor_fault_n", "faults", None, None, "at least", "inputs"),
    )
)
"""What a line's inputs say, in its telemetry."""

EQUIPMENT = Group(
    (
        Metric("devices", "devices", "devices", None, None, "always", "settings"),
        Metric("online", "devices_online", "devices", None, None, "always", "devices"),
        Metric("avail_pct", "avail_pct", "%", 2, 86_400, "dated", "devices"),
        Metric("known_pct", "known_pct", "%", 2, 86_400, "dated", "clock"),
        Metric("answered_s", "answered_s", "s", 0, 86_400, "dated", "devices"),
        Metric("away_s", "away_s", "s", 0, 86_400, "dated", "devices"),
        Metric("away_n", "away_n", "times", None, 86_400, "dated", "devices"),
    )
)
"""How far the devices are there: of all of them in `state`, over the day so far; of each and all in their records."""

_C = "compartments"

SHARE = Group(
    (
        Metric("total", "total", _C, None, None, "always", "settings"),
        Metric("occupied", "occupied", _C, None, None, "always", "lockers"),
        Metric("free", "free", _C, None, None, "always", "lockers"),
        Metric("faulty", "faulty", _C, None, None, "always", "lockers"),
        Metric("unknown", "unknown", _C, None, None, "always", "lockers"),
        Metric("door_open", "door_open", _C, None, None, "at least", "lockers"),
        Metric("overdue", "overdue", _C, None, None, "at least", "lockers"),
        Metric("turnover_day", "turnover_day", "1/day", 3, 86_400, "at least", "lockers"),
    )
)
"""Of a locker as a whole, and of its compartments of each size: `s_`, `m_`, `l_`, `xl_`."""

LOCKER = Group(
    (
        Metric("occupancy", "occupancy", _ONE, 4, None, "all fresh", "lockers"),
        Metric("dwell_p50_h", "dwell_p50_h", "h", 1, 86_400, "always", "lockers"),
        Metric("dwell_p90_h", "dwell_p90_h", "h", 1, 86_400, "always", "lockers"),
        Metric("dwell_max_h", "dwell_max_h", "h", 1, 86_400, "always", "lockers"),
        Metric("boards", "boards", "boards", None, None, "always", "settings"),
        Metric("boards_heard", "boards_heard", "boards", None, None, "always", "lockers"),
    )
)

GROUPS: Mapping[str, tuple[Group, str]] = {
    "flow": (FLOW, "…_"),
    "line": (LINE, ""),
    "station": (STATION, ""),
    "scan": (SCAN, ""),
    "inputs": (INPUTS, ""),
    "site": (SITE, ""),
    "equipment": (EQUIPMENT, ""),
    "records": (RECORDS, ""),
    "locker": (LOCKER, ""),
    "share": (SHARE, "[size_]"),
}
"""Every group of metrics, with what stands before its fields."""

LINE_STATE, SITE_STATE = Group(STEERING + RECORDS), Group(SITE + RECORDS)
"""What the retained documents of a line and of the site hold."""

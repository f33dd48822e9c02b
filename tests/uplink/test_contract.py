"""Records and payloads: what goes in comes out, any bytes are survived, and the figures mean what they say."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.baselines import Baselines, Ended, Epoch
from agent.bureau.totals import Report, Totals
from agent.load.backlog import Drifted, Rebased
from agent.load.early import EarlyWarning
from agent.load.flow import Flow
from agent.load.forecast import TimeToSaturation
from agent.load.instant import Instant
from agent.load.line_load import LineLoad, Room, Steered
from agent.load.machine import Transition
from agent.load.periods import Period
from agent.load.records import SoFar
from agent.load.site import SiteLoad
from agent.load.steering import Event
from agent.load.tally import Record
from agent.uplink import meta, reports, site_reports
from agent.uplink.contract import Head, Identity, Message, birth, compact, death
from agent.uplink.late import as_history
from agent.uplink.spool import Books, Condition
from agent.uplink.status import UplinkStatus
from config.device_settings import CounterRef, Device, Point
from config.line_settings import Line
from config.load_settings import Floor, LoadSettings
from config.locker_settings import Locker
from config.settings import Settings
from config.site_settings import Site
from config.uplink_settings import Bureau, Spool

AT = Instant("12345678-aaaa", 1000.25, 1_800_000_000.5, "ntp")
HEAD = Head(AT, "3-abcdef", 17)
PAST = Baselines(Epoch(2, "ffffff"), 991, events={"north.scan.new": 70})
IDENTITY = Identity("44", "4401", "gz-baiyun", "id", 3, "3-abcdef", "0.1.0", "c0ffee")
FLOW = Flow(total=100, lo=99, hi=None, pph_60=1200.04, pph_900=None, fresh=True)
LOAD = LineLoad(
    induct=FLOW,
    discharge=FLOW._replace(total=90, hi=91),
    recirculation=None,
    reject=None,
    wip=10,
    wip_lo=8,
    takt_s=3.00042,
    load_ratio_in=0.51239,
    load_ratio_out=None,
    fill_ratio=0.002,
    load_index=51.239,
    quality="estimated",
)
REF = CounterRef("plc-a", "inducted")
LINE = Line("north", "北线", "North line", (REF,), (), (), (), 20000.0, 5000)
STATUS = UplinkStatus(True, 1.0, "5", "", 1, 2, 3, 4, (), 0, False, False, 0)

tails = st.from_regex(r"[a-z0-9_-]{1,20}(/[a-z0-9_-]{1,20}){0,3}", fullmatch=True)


def fields(message: Message) -> dict[str, object]:
    decoded = json.loads(message.payload)
    assert isinstance(decoded, dict)
    return decoded


@given(tails, st.binary(max_size=300), st.booleans())
def test_a_record_holds_its_message(tail: str, payload: bytes, retain: bool) -> None:
    message = Message(tail, payload, retain)
    assert Message.decode(message.encode()) == message


@given(st.binary(max_size=80) | st.builds(lambda head, rest: bytes([head]) + rest, st.integers(16, 17), st.binary()))
def test_any_other_bytes_are_refused_or_a_message(record: bytes) -> None:
    try:
        message = Message.decode(record)
    except ValueError:
        return
    assert message.encode() == record
    assert not set(message.tail) & set("+#\0")


def test_history_is_marked_and_never_retained() -> None:
    late = as_history(Message("state", b'{"a":1}', retain=True))
    assert late == Message("state", b'{"a":1,"hist":true}', retain=False)
    assert json.loads(late.payload) == {"a": 1, "hist": True}
    assert as_history(Message("alarm/a", b"", retain=True)) == Message("alarm/a", b"", retain=False)


def test_every_message_carries_both_clocks_its_identity_and_its_quality() -> None:
    assert HEAD.fields("partial") == {
        "v": 1,
        "ts": 1_800_000_000_500,
        "tsq": "ntp",
        "boot": "12345678",
        "mono_ms": 1_000_250,
        "epoch": "3-abcdef",
        "seq": 17,
        "mode": "normal",
        "q": "partial",
    }


@pytest.mark.fault("C5")
def test_messages_speak_utc_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for zone in ("UTC", "Asia/Shanghai", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        said.append(HEAD.fields())
    monkeypatch.undo()
    time.tzset()
    assert said[0] == said[1] == said[2]
    assert said[0]["ts"] == int(HEAD.at.wall_s * 1000)


def test_line_telemetry_says_what_is_known_and_leaves_out_what_is_not() -> None:
    meters = {REF: SimpleNamespace(base=2, lo=99, hi=None, total=100), CounterRef("x", "y"): SimpleNamespace(base=0)}
    message = reports.telemetry(HEAD, "north", LOAD, meters, LOAD._replace(induct=FLOW._replace(total=97)), 10.04)  # type: ignore[arg-type]
    assert message.tail == "line/north/telemetry"
    assert not message.retain
    told = fields(message)
    assert told["counts"] == {"plc-a.inducted": [2, 99, None, 100]}
    assert (told["in_total"], told["in_lo"], told["in_d"], told["in_pph"]) == (100, 99, 3, 1200.0)
    assert (told["out_total"], told["out_hi"], told["out_d"], told["win"]) == (90, 91, 0, 10.0)
    assert not {"in_hi", "in_pph_900", "recirc_total", "reject_total", "load_ratio_out"} & told.keys()
    assert (told["load_index"], told["load_ratio_in"], told["takt_s"], told["q"]) == (51.2, 0.5124, 3.0, "estimated")


def test_the_bureaus_merge_reads_what_the_agent_writes() -> None:
    meters = {REF: SimpleNamespace(base=2, lo=99, hi=120, total=100)}
    message = reports.telemetry(HEAD, "north", LOAD, meters, None, 10.0)  # type: ignore[arg-type]
    totals = Totals()
    assert totals.merge(message.payload)
    assert totals.counted("plc-a.inducted").total == 100
    assert not totals.merge(as_history(message).payload)


def site_load(**known: object) -> SiteLoad:
    """A site of which nothing is known but that."""
    parts = {"room": Room(), "steered": Steered(), "so_far": SoFar()}
    names = SiteLoad._fields
    return SiteLoad(**(dict.fromkeys(names) | parts | known))  # type: ignore[arg-type]


def test_the_site_says_what_is_known_of_it_and_leaves_out_what_is_not() -> None:
    load = site_load(
        quality="stale", lines=2, in_pph=2400.08, backlog=18250, backlog_err=37, steered=Steered(state="BUSY")
    )
    message = site_reports.site_state(HEAD, load)
    assert (message.tail, message.retain) == ("state", True)
    told = fields(message)
    assert (told["q"], told["in_pph"], told["backlog"], told["backlog_err"], told["state"]) == (
        "stale",
        2400,
        18250,
        37,
        "BUSY",
    )
    assert not {"load_index", "wip", "out_pph", "tts_min", "backlog_drift"} & told.keys()


def test_the_docks_are_told_with_their_counters_totals() -> None:
    load = site_load(quality="good", unload=FLOW, load=FLOW._replace(total=40), backlog=60)
    meters = {REF: SimpleNamespace(base=2, lo=100, hi=100, total=100)}
    message = site_reports.site_telemetry(HEAD, load, meters, load._replace(unload=FLOW._replace(total=90)), 10.0)  # type: ignore[arg-type]
    assert (message.tail, message.retain) == ("telemetry", False)
    told = fields(message)
    assert (told["unload_total"], told["unload_d"], told["load_total"], told["load_d"]) == (100, 10, 40, 0)
    assert told["counts"] == {"plc-a.inducted": 100}


HAPPENED = [
    (
        Transition("BUSY", "SATURATED", "tts_min", 118.26, 120.0, 604.9, "peak"),
        {"event": "state", "before": "BUSY", "after": "SATURATED", "cause": "tts_min", "value": 118.26, "held_s": 605},
    ),
    (
        EarlyWarning(120, True, TimeToSaturation(118.3, 80.1, None)),
        {"event": "warning", "warn_min": 120, "raised": True, "tts_min": 118, "tts_lo_min": 80},
    ),
    (EarlyWarning(60, False, None), {"event": "warning", "warn_min": 60, "raised": False}),
    (Rebased("ab12", "li", 5000, None), {"event": "baseline", "by": "li", "parcels": 5000, "request": "ab12"}),
    (Drifted(12), {"event": "drift", "parcels": 12}),
]
HOUR = Record(
    "hour", Period("", 1_800_000_000, 1_800_003_600), 1_800_000_002, 1_800_003_601, {"in": 9}, {"in": 99}, True, True, 7
)


@pytest.mark.parametrize(
    ("happened", "said"), HAPPENED, ids=[f"{type(one).__name__}-{n}" for n, (one, _) in enumerate(HAPPENED)]
)
def test_what_happens_is_told_once_and_is_not_retained(happened: Event, said: dict[str, object]) -> None:
    message = site_reports.event(HEAD, "north", happened)
    assert (message.tail, message.retain) == ("line/north/event", False)
    assert said.items() <= fields(message).items()
    assert site_reports.event(HEAD, None, happened).tail == "event"


def test_states_are_retained() -> None:
    away = SimpleNamespace(online=False, reason="timeout", since_s=900.25, answered_s=None, unsupported=(), unasked=())
    message = reports.device_state(HEAD, "eye-1", away)
    assert (message.tail, message.retain) == ("dev/eye-1/state", True)
    told = fields(message)
    assert (told["online"], told["reason"], told["for_s"]) == (False, "timeout", 100.0)
    assert "last_ok_s" not in told
    assert reports.line_state(HEAD, "north", LOAD).retain


def test_meta_tells_the_ends_of_earlier_runs_that_the_bureau_may_not_know() -> None:
    earlier = [Ended(Epoch(1, "eeeeee"), 7, {}), Ended(Epoch(1, "dddddd"), 3, {"north.scan.new": 5})]
    told = fields(meta.document(HEAD, settings(), "0.1.0", replace(PAST, untold=earlier)))
    assert told["prev"]["epoch"] == "2-ffffff"  # type: ignore[index]
    assert told["earlier"] == [
        {"epoch": "1-eeeeee", "seq": 7},
        {"epoch": "1-dddddd", "seq": 3, "events": {"north.scan.new": 5}},
    ]
    report = Report.from_fields({**told, "seq": 1})
    assert report.events == {"1-dddddd": {"north.scan.new": 5}, "2-ffffff": {"north.scan.new": 70}}


def test_meta_names_every_counter_with_role_and_modulus_and_the_end_of_the_epoch_before() -> None:
    message = meta.document(HEAD, settings(), "0.1.0", PAST)
    assert (message.tail, message.retain) == ("meta", True)
    told = fields(message)
    assert told["prev"] == {"epoch": "2-ffffff", "seq": 991, "events": {"north.scan.new": 70}}
    assert "earlier" not in told
    assert told["counters"] == [{"name": "plc-a.inducted", "line": "north", "role": "induct", "modulus": 10**6}]
    assert "北线" in message.payload.decode()


def test_meta_tells_the_rank_of_a_hub_and_the_tier_of_each_part() -> None:
    hub = replace(settings(), load=LoadSettings(floor=Floor(unload=(CounterRef("plc-a", "inducted"),))))
    ranked = replace(hub, site=replace(hub.site, level="province_hub"))
    told = fields(meta.document(HEAD, ranked, "0.1.0", Baselines()))
    assert (told["site"]["level"], told["site"]["tier"]) == ("province_hub", "hub")
    assert [line["tier"] for line in told["lines"]] == ["hub"]
    assert told["floor"]["tier"] == "trunk"
    assert "carrier" not in told["site"] and "upstream" not in told["site"]
    firm = replace(hub.site, carrier="zto", upstream=("43/4301/cs-yuhua",))
    told = fields(meta.document(HEAD, replace(hub, site=firm), "0.1.0", Baselines()))
    assert (told["site"]["carrier"], told["site"]["upstream"]) == ("zto", ["43/4301/cs-yuhua"])
    outlet = replace(
        settings(),
        site=replace(hub.site, level="outlet"),
        lockers=(Locker("door", "", "", 24.0, False, 1.0, 1.0, 60.0, ()),),
    )
    told = fields(meta.document(HEAD, outlet, "0.1.0", Baselines()))
    assert {told["site"]["tier"], *(part["tier"] for part in told["lines"] + told["lockers"])} == {"lastmile"}


def settings() -> Settings:
    point = Point("inducted", "counter", "holding", 100, "u32", "CDAB", 10**6, 20.0, 1.0, "parcel", None, None)
    return Settings(
        site=Site("gz-baiyun", "广州白云", "Guangzhou Baiyun", "44", "4401", "hub"),
        bureau=Bureau("127.0.0.1", 1883, None, None, None, None, 10.0),
        spool=Spool(directory=None, max_bytes=1),  # type: ignore[arg-type]
        buses=(),
        devices=(Device("plc-a", "induct", 1, 1.0, None, 125, (point,)),),
        lines=(LINE,),
        digest="c0ffee",
    )


def test_health_balances_the_spools_books() -> None:
    books = Books(written=10, acked=7, held=2, dropped=1, corrupt=0)
    told = fields(reports.health(HEAD, 60.4, books, Condition("ram", "no space"), STATUS, {"sorter": {"asked": 3}}))
    spool = told["spool"]
    assert spool == {
        "written": 10,
        "acked": 7,
        "held": 2,
        "dropped": 1,
        "corrupt": 0,
        "commit_s_max": 0.0,
        "place": "ram",
        "reason": "no space",
    }
    assert told["buses"] == {"sorter": {"asked": 3}}


def test_health_says_for_how_long_the_uplink_is_as_it_is_and_no_seconds_of_the_machines_own_clock() -> None:
    status = replace(STATUS, since_s=HEAD.at.boot_s - 12.34)
    told = fields(reports.health(HEAD, 60.4, Books(0, 0, 0, 0, 0), Condition("disk", ""), status, {}))["uplink"]
    assert (told["for_s"], "since_s" in told) == (12.3, False)


def test_birth_and_death_share_the_session_id() -> None:
    born = json.loads(birth(IDENTITY, 196_609, AT))
    assert born["online"] is True
    assert (born["sid"], born["epoch"], born["cfg"]) == (196_609, "3-abcdef", "c0ffee")
    assert json.loads(death(196_609, "lwt")) == {"online": False, "sid": 196_609, "reason": "lwt"}
    assert IDENTITY.topic("status") == "hubpulse/v1/44/4401/gz-baiyun/status"


def test_what_json_cannot_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        compact({"load_index": float("nan")})


def test_counts_are_said_as_short_as_they_are_certain_and_read_back_whole() -> None:
    meters = {
        CounterRef("a", "exact"): SimpleNamespace(base=5, lo=7, hi=7, total=7),
        CounterRef("b", "exact"): SimpleNamespace(base=5, lo=0, hi=0, total=0),
        CounterRef("c", "replaced"): SimpleNamespace(base=9, lo=3, hi=3, total=3),
        CounterRef("d", "wide"): SimpleNamespace(base=5, lo=6, hi=None, total=7),
        CounterRef("e", "unseen"): SimpleNamespace(base=0, lo=0, hi=0, total=0),
    }
    told = reports.telemetry(HEAD, "north", LOAD, meters, None, 10.0)  # type: ignore[arg-type]
    assert fields(told)["base"] == 5
    assert fields(told)["counts"] == {"a.exact": 7, "b.exact": 0, "c.replaced": [9, 3], "d.wide": [5, 6, None, 7]}
    totals = Totals()
    totals.merge(told.payload)
    assert [totals.bases(name) for name in ("a.exact", "b.exact", "c.replaced", "d.wide")] == [
        {5: (7, 7, 7)},
        {5: (0, 0, 0)},
        {9: (3, 3, 3)},
        {5: (6, None, 7)},
    ]


def test_a_plain_count_without_a_base_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number"):
        Totals().merge(b'{"epoch":"3-abcdef","seq":1,"counts":{"a.b":7}}')


def test_a_device_that_lacks_points_says_which_and_is_known_in_part() -> None:
    partly = SimpleNamespace(
        online=True,
        reason="points_unsupported",
        since_s=900.0,
        answered_s=999.0,
        unsupported=("di5", "di6"),
        unasked=(),
    )
    said = json.loads(reports.device_state(HEAD, "plc-a", partly).payload)
    assert (said["online"], said["q"], said["unsupported"]) == (True, "partial", ["di5", "di6"])


def test_an_hour_that_is_over_is_told_with_what_was_counted_and_the_totals_at_its_end() -> None:
    message = site_reports.event(HEAD, "north", HOUR)
    assert (message.tail, message.retain) == ("line/north/hour", False)
    told = fields(message)
    assert (told["from"], told["to"], told["in"], told["in_total"], told["left"], told["q"]) == (
        1_800_000_000_000,
        1_800_003_600_000,
        9,
        99,
        7,
        "good",
    )
    assert (told["counted_from"], told["counted_to"]) == (1_800_000_002_000, 1_800_003_601_000)
    assert fields(site_reports.event(HEAD, None, replace(HOUR, sure=False)))["q"] == "estimated"
    assert fields(site_reports.event(HEAD, None, replace(HOUR, complete=False)))["q"] == "partial"
    wave = replace(HOUR, kind="wave", period=Period("night", 0, 60))
    assert site_reports.event(HEAD, None, wave).tail == "wave"
    assert fields(site_reports.event(HEAD, None, wave))["id"] == "night"

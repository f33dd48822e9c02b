"""From a device's presence to the bureau: a change is told at once, and the hour tells what it came to."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.intake import Presence
from agent.load.attendance import Register
from agent.load.instant import Instant
from agent.report.equipment import EquipmentReport
from agent.uplink.contract import Head, Message

HOUR_S = 1_800_000_000 - 1_800_000_000 % 3600


@dataclass
class Equipment:
    """The part of a site that is reported."""

    seen: dict[str, Presence]
    register: Register

    def presence(self) -> dict[str, Presence]:
        return self.seen


def test_a_device_that_goes_away_for_a_quarter_of_an_hour_was_there_for_three_quarters_of_it() -> None:
    site = Equipment(
        {"plc": Presence(None, "not_asked", 0.0, None), "eye": Presence(None, "not_asked", 0.0, None)},
        Register(["plc", "eye"]),
    )
    told: list[Message] = []
    report = EquipmentReport(site, lambda at: Head(at, "1-abcdef", 1 + len(told)))  # type: ignore[arg-type]
    for second in range(3602):
        if second == 1:
            site.seen = {name: Presence(True, "answers", 0.0, 0.5) for name in site.seen}
        if second == 900:
            site.seen["plc"] = Presence(False, "timeout", 899.5, 897.0)
        if second == 1800:
            site.seen["plc"] = Presence(True, "answers", 1799.5, 1799.5)
        told += report.news(Instant("boot", float(second), float(HOUR_S + second), "ntp"))
    said = [(one.tail, json.loads(one.payload)) for one in told]
    assert [tail for tail, _ in said] == [
        *("dev/plc/state", "dev/eye/state", "dev/plc/state", "dev/plc/state"),
        *("dev/plc/hour", "dev/eye/hour", "dev/hour"),
    ]
    (plc, eye, both) = (fields for _, fields in said[-3:])
    assert (plc["avail_pct"], plc["known_pct"], plc["away_s"], plc["away_n"]) == (75.0, 100.0, 900, 1)
    assert (eye["avail_pct"], eye["away_n"], eye["q"]) == (100.0, 0, "good")
    assert (both["avail_pct"], both["devices"], both["answered_s"]) == (87.5, 2, 6300)
    assert (both["from"], both["to"]) == (1000 * HOUR_S, 1000 * (HOUR_S + 3600))
    assert "devices" not in plc
    assert not any(one.retain for one in told[-3:])


def test_a_device_that_is_missed_in_the_first_beat_after_a_standstill_did_not_answer_during_it() -> None:
    site = Equipment({"plc": Presence(True, "answers", 0.0, 0.5)}, Register(["plc"]))
    report = EquipmentReport(site, lambda at: Head(at, "1-abcdef", 1))  # type: ignore[arg-type]
    for second in (0, 1, 2, 1002, 1003):
        if second == 1002:
            site.seen = {"plc": Presence(False, "timeout", 1002.0, 2.0)}
        report.news(Instant("boot", float(second), float(HOUR_S + second), "ntp"))
    told = site.register.draw(Instant("boot", 1003.0, float(HOUR_S + 1003), "ntp"))
    assert (told.answered_s, told.away_s, told.away_n) == (2, 1, 1)

"""A table with a misspelt name is one fault, which says how its header is right; what names its things is none."""

from __future__ import annotations

import pytest
from site_text import SITE

import config
from config.faults import Fault


def only(old: str, new: str) -> Fault:
    """The one fault of the site in which `new` stands for each `old`; no notice beside it tells of idle buses."""
    assert old in SITE
    report = config.check_text("hubpulse.toml", SITE.replace(old, new).encode())
    assert [one.code for one in report.notices if one.code == "W2403"] == []
    (fault,) = report.faults
    return fault


@pytest.mark.parametrize(
    ("old", "new", "code", "action"),
    [
        ("[site]", "[sites]", "E2201", "write: [site]"),
        ("[line.", "[lines.", "E2201", "write: [line.north]"),
        ("[bus.", "[buses.", "E2201", 'write: [bus.sorter], and "bus" in the other headers likewise'),
        ("[device.", "[devices.", "E2201", 'write: [device.plc-a], and "device" in the other headers likewise'),
        ("[device.", "[ devcie . ", "E2201", 'write: [device . plc-a], and "device" in the other headers likewise'),
        ("[device.", "[设备.", "E2103", 'write: [device.plc-a], and "device" in the other headers likewise'),
        (
            "-a.point.",
            "-a.points.",
            "E2201",
            'write: [device.plc-a.point.inducted], and "point" in the other headers likewise',
        ),
    ],
)
def test_a_misspelt_table_is_one_fault_that_writes_the_right_header(old: str, new: str, code: str, action: str) -> None:
    fault = only(old, new)
    assert (fault.code, fault.text("en").action) == (code, action)
    assert fault.text("zh").action.startswith(action.replace("write: ", "改为：").partition(",")[0])


def test_where_there_is_nothing_to_name_it_is_said_what_to_add() -> None:
    text = "\n".join(block for block in SITE.split("\n\n") if not block.startswith("[bus."))
    faults = [one for one in config.check_text("hubpulse.toml", text.encode()).faults if one.code == "E2301"]
    assert {fault.text("en").action for fault in faults} == {"add [bus.sorter]", "add [bus.eyes]"}
    assert {fault.text("zh").action for fault in faults} == {"添加 [bus.sorter]", "添加 [bus.eyes]"}


def test_a_table_is_called_a_table_and_a_key_a_key() -> None:
    assert only("[line.", "[lines.").text("en").seen.startswith('there is no table "lines"')
    assert only("[line.north]", "[line.north]\ncolour = 1").text("en").seen.startswith('there is no key "colour"')
    assert only("[site]", "[mqtt]\n[site]").text("zh").seen.endswith("没有“mqtt”这个表")

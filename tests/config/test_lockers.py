"""Lockers in the operator's files: what is understood, and every fault located and explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_boards import SITE

import config
from agent.cli.check import checked
from config.messages import LANGUAGES

SECOND = """
[locker.west.board.2]
bus = "west"
language = "kerong_cu16"
address = 2
compartments = "9-10"
"""
MODBUS = """
[device.plc]
bus = "west"
unit = 9
point.n = { area = "holding", address = 1, type = "u16", kind = "counter" }
"""
TCP = """
[bus.eyes]
tcp = "192.168.10.21"
"""

ONE_FAULT = [
    ("E2201", "compartments =", "compartment =", "compartment"),
    ("E2103", 'compartments = "1-6, 8, 7"', '箱格 = "1-6, 8, 7"', "箱格"),
    ("E2206", "address = 1\n", "", "locker.west.board.1"),
    ("E2206", 'language = "kerong_cu16"\n', "", "locker.west.board.1"),
    ("E2301", 'bus = "west"\nl', 'bus = "wast"\nl', '"wast"'),
    ("E2203", "address = 1\n", "address = 1\nitem_sensor = 1\n", "1"),
    ("E2228", "address = 1\n", 'address = 1\nitem_sensor = "auto"\n', '"auto"'),
    ("E2210", "[locker.west]\n", "[locker.west]\noverdue_h = 0\n", "0"),
    ("E2520", '"1-6, 8, 7"', '"1-6; 8"', '"1-6; 8"'),
    ("E2520", '"1-6, 8, 7"', '"0-7"', '"0-7"'),
    ("E2520", '"1-6, 8, 7"', '"1-9999"', '"1-9999"'),
    ("E2521", 's = "1-4"', 's = "1-4, 99"', '"1-4, 99"'),
    ("E2522", 'unused = "3"', 'unused = "3, 15"', '"3, 15"'),
    ("E2523", '"1-6, 8, 7"', '"1-6, 8, 7, 2"', '"1-6, 8, 7, 2"'),
    ("E2524", 'm = "5, 6"', 'm = "4-6"', '"4-6"'),
    ("E2525", 'bus = "west"\nl', 'bus = "eyes"\nl', '"eyes"'),
    ("E2526", 'l = "7-8"', 'l = "7"', '{ s = "1-4", m = "5, 6", l = "7" }'),
    ("E2528", '"9-10"', '"8-10"', '"8-10"'),
    ("E2529", "#modbus", MODBUS, '"west"'),
    ("E2530", 'language = "kerong_cu16"\naddress = 2', 'language = "wkly"\naddress = 2', '"wkly"'),
    ("E2531", "address = 2", "address = 1", "1"),
    ("E2532", 'language = "kerong_cu16"', 'language = "kerong-cu-16"', '"kerong-cu-16"'),
    ("E2533", "address = 2", "address = 200", "200"),
    ("E2534", '"9-10"', '"9-30"', '"9-30"'),
]


def whole() -> str:
    return SITE + SECOND + TCP + "#modbus\n"


def checked_text(tmp_path: Path, text: str) -> config.Report:
    file = tmp_path / "hubpulse.toml"
    file.write_text(text)
    return checked(file)


@pytest.mark.parametrize(("code", "old", "new", "marked"), ONE_FAULT)
def test_a_fault_is_found_located_and_alone(tmp_path: Path, code: str, old: str, new: str, marked: str) -> None:
    text = whole()
    assert old in text
    count = -1 if code == "E2532" else 1
    report = checked_text(tmp_path, text.replace(old, new, count))
    assert {fault.code for fault in report.faults} == {code}, [fault.render("en") for fault in report.faults]
    fault = report.faults[0]
    assert fault.source[fault.column - 1 : fault.end_column - 1] == marked
    for lang in LANGUAGES:
        assert "{" not in fault.render(lang).replace(fault.source, "")


def test_a_board_that_tells_nothing_of_items_cannot_be_said_to(tmp_path: Path) -> None:
    text = whole().replace("kerong_cu16", "winnsen").replace("address = 1\n", "address = 1\nitem_sensor = true\n")
    report = checked_text(tmp_path, text)
    assert [fault.code for fault in report.faults] == ["E2535"]


def test_a_locker_without_boards_is_no_locker(tmp_path: Path) -> None:
    head, _, _ = SITE.partition("[locker.west.board.1]")
    assert {fault.code for fault in checked_text(tmp_path, head).faults} == {"E2206"}
    assert {fault.code for fault in checked_text(tmp_path, head + "[locker.west.board]\n").faults} == {"E2527"}


def test_what_is_worth_knowing_is_told_once(tmp_path: Path) -> None:
    report = checked_text(tmp_path, SITE)
    assert [notice.code for notice in report.notices] == ["W2430"]
    doors_only = checked_text(tmp_path, SITE.replace("kerong_cu16", "winnsen"))
    assert [notice.code for notice in doors_only.notices] == ["W2432", "W2430", "W2431"]


def test_a_line_that_cannot_carry_its_boards_is_told(tmp_path: Path) -> None:
    slow = SITE.replace("baud = 19200", "baud = 1200").replace("address = 1\n", "address = 1\nperiod_s = 0.1\n")
    assert "W2433" in [notice.code for notice in checked_text(tmp_path, slow).notices]
    assert "W2433" not in [notice.code for notice in checked_text(tmp_path, whole()).notices]
    listened = slow.replace("baud = 1200", 'baud = 1200\nrole = "listen"')
    assert "W2433" not in [notice.code for notice in checked_text(tmp_path, listened).notices]


def test_boards_that_are_named_by_their_first_door_may_not_overlap(tmp_path: Path) -> None:
    text = whole().replace("kerong_cu16", "qianming_5a")
    assert [fault.code for fault in checked_text(tmp_path, text).faults] == ["E2531"], (
        "9 channels from 1 reach beyond 2"
    )
    assert not checked_text(tmp_path, text.replace("address = 2", "address = 10")).faults


def test_channels_and_compartments_are_what_is_written(tmp_path: Path) -> None:
    report = checked_text(tmp_path, whole())
    assert report.settings is not None
    [locker] = report.settings.lockers
    board = locker.boards[0]
    assert [(one.channel, one.number) for one in board.compartments] == [
        (1, 1),
        (2, 2),
        (4, 3),
        (5, 4),
        (6, 5),
        (7, 6),
        (8, 8),
        (9, 7),
    ]
    assert [one.size for one in board.compartments] == ["s", "s", "s", "s", "m", "m", "l", "l"]
    assert (board.id, board.channels, board.item_sensor, board.silent_s) == ("west_1", 9, None, 7.0)
    assert [one.id for one in report.settings.boards] == ["west_1", "west_2"]
    assert (locker.overdue_h, locker.door_events) == (24.0, False)


def test_a_board_whose_host_asks_may_be_silent_for_longer(tmp_path: Path) -> None:
    listened = checked_text(tmp_path, SITE.replace("baud = 19200", 'baud = 19200\nrole = "listen"')).settings
    assert listened is not None
    assert listened.boards[0].silent_s == 60.0


def test_a_span_may_run_down_and_chinese_commas_are_commas(tmp_path: Path) -> None:
    report = checked_text(tmp_path, SITE.replace('"1-6, 8, 7"', '"8-6,5、4-1"').replace('unused = "3"\n', ""))
    assert report.settings is not None
    assert [one.number for one in report.settings.boards[0].compartments] == [8, 7, 6, 5, 4, 3, 2, 1]


def test_the_example_of_a_locker_is_in_order_once_it_is_taken_into_use(tmp_path: Path) -> None:
    example = (Path(config.__file__).parent / "example.toml").read_text("utf-8")
    block = example[example.index("# [bus.locker-line]") : example.index("# A scanner delivers")]
    used = "\n".join(line.removeprefix("# ") for line in block.splitlines()).replace("by-path/…", "by-path/port7")
    report = checked_text(tmp_path, example + used)
    assert not report.faults, [fault.render("en") for fault in report.faults]
    assert report.settings is not None
    assert [one.number for one in report.settings.boards[0].compartments] == [1, 2, 3, 4, 5, 6, 8, 7, *range(9, 16)]

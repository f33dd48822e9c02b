"""What a site is expected to send and to write: more where more is told, less where less is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from site_text import SITE

import config
from agent.__main__ import main
from agent.traffic import expected
from config.reporting_settings import Reporting
from config.settings import Settings

EXAMPLE = Path(config.__file__).parent / "example.toml"


REPORTING = """
[reporting]
peak_s = 5
heartbeat_s = 120
[reporting.deadband]
load_index = 2
"""


def site(more: str = "") -> Settings:
    report = config.check_text("site.toml", (SITE + more).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings


def test_a_site_that_reports_six_times_as_often_sends_more_and_its_spool_lasts_shorter() -> None:
    often, seldom = expected(site(), "peak"), expected(site())
    assert (often.report_s, seldom.report_s) == (10.0, 60.0)
    assert often.network_bytes > 2 * seldom.network_bytes
    assert often.card_bytes > 3 * seldom.card_bytes
    assert often.spool_hours < seldom.spool_hours


def test_each_line_costs_its_messages_and_tls_costs_more_than_none() -> None:
    one = site()
    two = replace(one, lines=(*one.lines, replace(one.lines[0], id="another")))
    per_day = 86_400 / one.bureau.report_s
    assert expected(two).messages - expected(one).messages == pytest.approx(per_day + 1440 + 28, abs=2)
    bare = replace(one, bureau=replace(one.bureau, tls=None))
    assert expected(bare).network_bytes < expected(one).network_bytes


def test_the_card_is_never_expected_to_take_more_than_its_budget() -> None:
    one = site()
    small = replace(one, spool=replace(one.spool, card_bytes_a_day=10**6))
    assert expected(small).card_bytes == 10**6


def test_check_says_what_goes_over_the_network_and_onto_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--lang", "en", str(EXAMPLE)]) == 0
    said = capsys.readouterr().out
    assert "MB a day to the bureau" in said
    assert "the spool lasts" in said
    assert main(["check", "--lang", "zh", str(EXAMPLE)]) == 0
    assert "上报邮管局" in capsys.readouterr().out
    assert main(["check", "--json", str(EXAMPLE)]) == 0
    days = json.loads(capsys.readouterr().out)["traffic"]
    assert [day["mode"] for day in days] == ["normal", "peak", "emergency", "suspended"]
    assert all(day["network_bytes"] > 0 and day["spool_hours"] > 0 for day in days)


def test_intervals_and_deadbands_are_read_and_a_figure_that_has_none_is_a_fault_with_its_place() -> None:
    assert site().reporting == Reporting()
    assert site(REPORTING).reporting == Reporting({"peak": 5.0}, {"load_index": 2.0}, 120.0)
    report = config.check_text("site.toml", (SITE + REPORTING.replace("load_index", "load_indx")).encode())
    assert [(fault.code, fault.source) for fault in report.faults] == [("E2202", "load_indx = 2")]

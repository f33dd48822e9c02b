"""The verb profiles: what it lists, shows and writes, run as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from site_text import SITE

import config
from agent.__main__ import main
from agent.cli.profile_sheet import as_json, sheet, snippet, table
from agent.commission.reference import written
from config import profiles
from config.faults import columns

NAMES = profiles.names()


def hubpulse(*words: object) -> subprocess.CompletedProcess[str]:
    told = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "agent", "profiles", *map(str, words)]
    done = subprocess.run(command, capture_output=True, env=told, check=False, text=True)
    assert "Traceback" not in done.stderr
    return done


def test_the_list_names_every_profile_with_maker_model_kind_trust_and_points() -> None:
    done = hubpulse("list")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert set(NAMES) <= set(rows)
    assert "Moxa ioLogik E1210" in rows["moxa-iologik-e1210"] and rows["moxa-iologik-e1210"].endswith(
        "experimental  16"
    )
    assert "by name: D SD R C M S X Y" in rows["inovance-h3u"]
    assert "面板计数器" in hubpulse("list", "--lang", "zh").stdout


def test_machines_get_the_list_and_the_profile_as_json() -> None:
    listed = json.loads(hubpulse("list", "--json").stdout)["profiles"]
    assert [one["name"] for one in listed] == NAMES and all(one["ok"] for one in listed)
    shown = json.loads(hubpulse("show", "inovance-h3u", "--json", "--lang", "zh").stdout)
    assert (shown["ok"], shown["kind"], shown["points"]["c200"]["address"]) == (True, "plc", 0xF700)
    assert {"from": "C200", "to": "C255", "area": "holding", "address": 0xF700, "type": "u32"} in shown["notation"]
    assert "八进制" in "".join(shown["hints"])


@pytest.mark.parametrize("name", NAMES)
def test_what_a_profile_gives_to_paste_passes_the_check_of_a_site(name: str) -> None:
    report = config.check_text("site.toml", f"{SITE}\n{snippet(profiles.load(name))}\n".encode())
    assert [fault.render("en") for fault in report.faults] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_sheet_says_every_point_every_trap_and_the_source_in_both_languages(name: str) -> None:
    profile = profiles.load(name)
    english, chinese = sheet(profile, "en"), sheet(profile, "zh")
    assert all(hint in english for hint in profile.hints_en) and all(hint in chinese for hint in profile.hints_zh)
    for point in profile.points.values():
        assert f"{point.area} {point.address} ({written(point.area, point.address)})" in english
    assert all(str(one) in english for one in profile.notation)
    assert profile.source in english and profile.source in chinese and snippet(profile) in english
    json.dumps(as_json(profile, "en"))


def test_an_address_is_also_said_as_the_reference_that_means_it() -> None:
    for name in NAMES:
        profile = profiles.load(name)
        for point in profile.points.values():
            own = f'point.own = {{ ref = "{written(point.area, point.address)}", type = "{point.type}" }}'
            report = config.check_text("x", f'{SITE}[device.x]\nbus = "eyes"\nunit = 9\n{own}\n'.encode())
            assert report.settings is not None
            made = report.settings.devices[-1].points[0]
            assert (made.area, made.address) == (point.area, point.address)


def test_columns_stand_below_each_other_in_chinese_too() -> None:
    first, second = table([("名称", "x"), ("ab", "y")]).splitlines()
    assert columns(first[: first.index("x")]) == columns(second[: second.index("y")])


def test_a_new_profile_passes_as_it_stands_and_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    done = hubpulse("new", "acme-ct7", "--profiles", folder)
    assert done.returncode == 0 and "hubpulse profiles show acme-ct7" in done.stdout
    shown = hubpulse("show", "acme-ct7", "--profiles", folder)
    assert shown.returncode == 0 and "wraps at 1000000" in shown.stdout
    uses = f'{SITE}[device.new]\nbus = "eyes"\nunit = 7\nprofile = "acme-ct7"\n'
    assert config.check_text("x", uses.encode(), [folder]).settings is not None
    (folder / "acme-ct7.toml").write_text("mine")
    assert hubpulse("new", "acme-ct7", "--profiles", folder).returncode == 1
    assert (folder / "acme-ct7.toml").read_text() == "mine"
    assert json.loads(hubpulse("new", "acme-ct7", "--profiles", folder, "--force", "--json").stdout)["ok"]
    assert "acme-ct7" in (folder / "acme-ct7.toml").read_text("utf-8")


def test_every_line_of_the_new_profile_that_is_commented_out_is_right_too(tmp_path: Path) -> None:
    text = (Path(config.__file__).parent / "profile-example.toml").read_text("utf-8")
    commented = text[text.index("# [notation]") :]
    whole = text.replace(commented, commented.replace("# [", "[").replace("\n# ", "\n"))
    (tmp_path / "acme-ct9.toml").write_text(whole, encoding="utf-8")
    assert [one.prefix for one in profiles.load("acme-ct9", [tmp_path]).notation] == ["D", "C", "X", "DBW"]


def test_a_name_that_leads_elsewhere_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    for name in ("../out", "A B", "北", ""):
        assert hubpulse("new", name, "--profiles", tmp_path / "own").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_profile_is_told_where_it_stands_and_hides_no_other(tmp_path: Path) -> None:
    example = (Path(config.__file__).parent / "profile-example.toml").read_text("utf-8")
    (tmp_path / "acme-ct9.toml").write_text(example.replace('"ABCD"', '"ABDC"', 1), encoding="utf-8")
    shown = hubpulse("show", "acme-ct9", "--profiles", tmp_path)
    assert shown.returncode == 78 and "E2228" in shown.stdout and str(tmp_path / "acme-ct9.toml") in shown.stdout
    told = json.loads(hubpulse("show", "acme-ct9", "--profiles", tmp_path, "--json").stdout)
    assert (told["ok"], [fault["code"] for fault in told["faults"]]) == (False, ["E2228"])
    listed = hubpulse("list", "--profiles", tmp_path)
    assert listed.returncode == 78 and "faults: 1" in listed.stdout and "autonics-ct6" in listed.stdout


def test_a_profile_that_is_not_there_ends_with_66() -> None:
    done = hubpulse("show", "moxa-e1210")
    assert done.returncode == 66 and "E2305" in done.stdout and "moxa-iologik-e1210" in done.stdout


def test_a_part_of_a_profile_name_brings_those_that_hold_it_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "show", "adam", "--lang", "en"]) == 66
    assert "Known profiles: advantech-adam-4080, advantech-adam-4150, advantech-adam-6050" in capsys.readouterr().out
    assert main(["profiles", "show", "e1210", "--lang", "en"]) == 66
    assert "write moxa-iologik-e1210, or list" in capsys.readouterr().out


def test_a_profile_that_resembles_none_is_told_to_be_one_of_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "show", "zzzz", "--lang", "en"]) == 66
    assert "write one of them, or list the points" in capsys.readouterr().out

"""The verbs check and init, run as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chinese import half_width
from site_text import SITE, changed

import config
from config.faults import columns

SHIPPED = [Path(config.__file__).parent / name for name in ("example.toml", "examples/demo-hub.toml")]
HUBPULSE = [sys.executable, "-m", "agent"]


def hubpulse(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONUTF8": "1", **environment}
    done = subprocess.run([*HUBPULSE, *map(str, words)], capture_output=True, env=told, check=False)
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode()
    )


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "hubpulse.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def test_a_good_site_is_summed_up_and_a_bad_one_ends_with_78(main: Path) -> None:
    done = hubpulse("check", main)
    assert done.returncode == 0
    assert "Guangdong 44" in done.stdout and "4, of these 3 counters" in done.stdout and "\x1b" not in done.stdout
    main.write_text(changed("baud", "boud"), encoding="utf-8")
    done = hubpulse("check", main, "--color", "always")
    assert done.returncode == 78
    assert f"{main}:17:1" in done.stdout and "E2201" in done.stdout and "\x1b[" in done.stdout


def test_a_port_and_a_number_that_are_none_are_told_with_what_they_may_be(main: Path) -> None:
    main.write_text(changed("baud = 19200", "baud = 19,200"), encoding="utf-8")
    assert "no comma: 20000" in hubpulse("check", main, "--lang", "en").stdout
    main.write_text(changed('"192.168.10.21"', '"192.168.10.21:50200000"'), encoding="utf-8")
    assert "with :port (1 to 65535)" in hubpulse("check", main, "--lang", "en").stdout


def test_one_of_a_thing_is_never_told_as_several(main: Path) -> None:
    assert "1 requests" not in hubpulse("check", main, "--lang", "en").stdout
    assert "1 bytes" not in hubpulse("explain", "01", "--lang", "en").stdout


def test_a_missing_file_ends_with_66(main: Path) -> None:
    assert hubpulse("check", main.parent / "none.toml").returncode == 66


def test_the_locale_chooses_chinese_unless_the_console_cannot_show_it(main: Path) -> None:
    main.write_text(changed("baud", "boud"), encoding="utf-8")
    assert "原因" in hubpulse("check", main, LANG="zh_CN.UTF-8").stdout
    assert "why:" in hubpulse("check", main, LANG="zh_CN.UTF-8", TERM="linux").stdout
    assert "原因" in hubpulse("check", main, "--lang", "zh").stdout
    assert hubpulse("check", main, "--lang", "zh", PYTHONIOENCODING="ascii", PYTHONUTF8="0").returncode == 78


@pytest.mark.parametrize("site", SHIPPED, ids=lambda path: path.stem)
def test_what_is_said_of_a_site_in_chinese_is_punctuated_in_full_width(site: Path, main: Path) -> None:
    said = hubpulse("check", site, "--plan", "--lang", "zh").stdout
    assert half_width(said) == []
    assert {columns(row.partition(row.split()[1])[0]) for row in said.splitlines() if row.startswith("  站")} == {11}


def test_machines_get_one_json_object(main: Path) -> None:
    told = json.loads(hubpulse("check", main, "--json").stdout)
    assert (told["ok"], told["faults"], told["counts"]["points"]) == (True, [], 4)
    main.write_text(changed("baud", "boud"), encoding="utf-8")
    told = json.loads(hubpulse("check", main, "--json").stdout)
    assert [(one["code"], one["line"], one["column"]) for one in told["faults"]] == [("E2201", 17, 1)]


def test_a_reader_that_goes_away_is_no_fault(main: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*HUBPULSE, "check", str(main)], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_init_writes_a_site_that_passes_and_never_overwrites_one(tmp_path: Path) -> None:
    target = tmp_path / "new" / "hubpulse.toml"
    done = hubpulse(
        "init", target, "--site", "tj-1", "--city", "1201", "--name-zh", '天津 "一" 号', "--bureau", "10.0.0.7"
    )
    assert done.returncode == 0 and f"hubpulse check {target}" in done.stdout
    assert target.stat().st_mode & 0o777 == 0o640
    told = json.loads(hubpulse("check", target, "--json").stdout)
    assert told["ok"]
    text = target.read_text("utf-8")
    assert 'province = "12"' in text and '天津 \\"一\\" 号' in text and "GB/T 2260" in text
    again = hubpulse("init", target)
    assert again.returncode == 73 and "--force" in again.stdout
    assert target.read_text("utf-8") == text
    assert hubpulse("init", target, "--force").returncode == 0
    assert target.read_text("utf-8") != text
    assert [path.name for path in target.parent.iterdir()] == ["hubpulse.toml"]


@pytest.mark.parametrize("tag", ["zh", "zh_CN", "zh-CN", "zh-Hans", "zh_CN.UTF-8", "ZH", "cn"])
def test_chinese_is_asked_for_by_any_of_its_names_and_goes_on_in_the_next_step(tmp_path: Path, tag: str) -> None:
    target = tmp_path / "hubpulse.toml"
    done = hubpulse("init", target, "--lang", tag, LC_ALL="C")
    assert done.returncode == 0 and done.stdout.endswith(f"运行：hubpulse check {target} --lang zh\n")


def test_a_language_that_is_not_spoken_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = hubpulse("init", tmp_path / "hubpulse.toml", "--lang", "fr")
    assert done.returncode == 2 and "fr" in done.stderr and "en" in done.stderr and "zh" in done.stderr


def test_the_last_language_asked_for_is_spoken(main: Path) -> None:
    main.write_text(changed("baud", "boud"), encoding="utf-8")
    assert "原因" in hubpulse("check", main, "--lang", "en", "--lang=zh").stdout
    assert "原因" not in hubpulse("--lang", "zh", "check", main, "--lang", "en").stdout


def test_nothing_of_the_sample_site_stays_in_a_site_with_an_id_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "hubpulse.toml"
    assert hubpulse("init", target, "--site", "cq-a", "--city", "5001").returncode == 0
    text = target.read_text("utf-8")
    assert 'username = "cq-a"' in text and 'name_zh = "cq-a"' in text and 'name_en = "cq-a"' in text
    assert "aiyun" not in text and "白云" not in text


def test_what_is_still_of_the_sample_is_marked_in_the_summary(tmp_path: Path) -> None:
    target, mark = tmp_path / "hubpulse.toml", "of the sample"

    def marked(*words: str) -> list[str]:
        assert hubpulse("init", target, "--force", *words).returncode == 0
        done = hubpulse("check", target, "--lang", "en")
        assert done.returncode == 0
        return [line.split()[0] for line in done.stdout.splitlines() if mark in line]

    assert marked() == ["site", "bureau"]
    assert marked("--bureau", "10.0.0.7") == ["site"]
    assert marked("--bureau", "10.0.0.7", "--site", "cq-a", "--city", "5001") == []


def test_init_refuses_answers_that_would_not_pass_and_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "hubpulse.toml"
    done = hubpulse("init", target, "--city", "9901", "--site", "A/B")
    assert done.returncode == 78 and "E2217" in done.stdout and "E2218" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("--site A/B, --city 9901")  # the file of those places is not there
    assert hubpulse("init", target, "--ask").returncode == 2
    assert hubpulse("init", tmp_path / "file" / "x").returncode == 0
    assert hubpulse("init", tmp_path / "file" / "x" / "y").returncode == 73
    assert not target.exists()

"""`hubpulse bureau` by place: some sites of a store, totals of a place, and a site gone for good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.bureau import databases
from agent.bureau.arrival import read

SITES = {"44/4401/gz-one": 10, "44/4401/gz-two": 200, "44/4403/sz-one": 3000, "43/4301/cs-one": 40000}


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Four sites of three cities; the second message of each has not come."""
    address = f"sqlite:{tmp_path / 'bureau.db'}"
    opened = databases.opener(address)()
    for site, total in SITES.items():
        counters = [
            {"name": "eye.in", "line": "north", "role": "induct"},
            {"name": "eye.out", "line": "north", "role": "discharge"},
        ]
        lines = [{"id": "north", "name_zh": "北线", "name_en": "North"}]
        say(opened, site, "meta", 1, site={"id": site}, counters=counters, lines=lines)
        counts = {"eye.in": total, "eye.out": [5, total - 2, total, total - 1], "odd.one": 1}
        say(opened, site, "line/north/telemetry", 3, base=5, counts=counts, events={"north.scan.new": total})
    opened.close()
    return address


def say(store: databases.Store, whose: str, tail: str, seq: int, **fields: object) -> None:
    payload = json.dumps({"epoch": "3-abcdef", "seq": seq, **fields}).encode()
    store.take(list(read(f"hubpulse/v1/{whose}/{tail}", payload)))


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["bureau", *words]) == status
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "sites"),
    [("44", 3), ("44/4401", 2), ("44/4401/gz-one", 1), ("44/+/sz-one", 1), ("+/4301", 1), ("44/+/+", 3), ("45", 0)],
)
def test_every_listing_is_of_the_sites_asked_for(
    asked: str, sites: int, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    of = ["--site", asked, "--store", store, "--json"]
    nothing = int(sites == 0)
    assert len(json.loads(told(capsys, "totals", *of, status=nothing))["sites"]) == sites
    assert len(json.loads(told(capsys, "sites", *of, status=nothing))["sites"]) == sites
    assert len(json.loads(told(capsys, "gaps", *of, status=1))["missing"]) == sites


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["totals", "--site", "45"], "nothing is kept of 45; what there is: 43, 44"),
        (["sites", "--site", "44/4402"], "nothing is kept of 44/4402; what there is: 44/440"),
        (["gaps", "--site", "44/4401/gz-oen"], "44/4401/gz-one"),
        (["gaps", "--write-off", "44/4401/gz-twoo"], "44/4401/gz-two"),
        (["gaps", "--write-off", "44/4401/gz-twoo", "--lang", "zh"], "没有 44/4401/gz-twoo 的数据"),
    ],
)
def test_a_site_of_which_nothing_is_kept_is_never_told_to_be_whole(
    words: list[str], said: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bureau", words[0], "--lang", "en", *words[1:], "--store", store]) == 1
    out, err = capsys.readouterr()
    assert said in err and not out


def test_a_row_of_totals_says_line_and_role(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "totals", "--site", "44/4401/gz-two", "--store", store, "--lang", "zh").splitlines()
    assert [row.split()[1:] for row in rows] == [
        ["eye.in", "200", "北线", "供件"],
        ["eye.out", "199", "[198", "…", "200]", "北线", "落格"],
        ["odd.one", "1"],
        ["north.scan.new", "200"],
    ]
    counters = json.loads(told(capsys, "totals", "--store", store, "--json"))["sites"]["44/4401/gz-two"]["counters"]
    assert counters["eye.in"] == {"lo": 200, "hi": 200, "total": 200, "line": "north", "role": "induct"}
    assert counters["odd.one"] == {"lo": 1, "hi": 1, "total": 1}


@pytest.mark.parametrize(
    ("by", "inducted"),
    [
        ("province", {"43": 40000, "44": 3210}),
        ("city", {"43/4301": 40000, "44/4401": 210, "44/4403": 3000}),
        ("site", dict(sorted(SITES.items()))),
    ],
)
def test_totals_add_up_by_place_and_role(
    by: str, inducted: dict[str, int], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = json.loads(told(capsys, "totals", "--by", by, "--store", store, "--json"))["places"]
    assert {place: one["roles"]["induct"]["total"] for place, one in places.items()} == inducted
    assert {place: one["events"]["scan.new"] for place, one in places.items()} == inducted
    rows = told(capsys, "totals", "--by", by, "--store", store, "--lang", "en").splitlines()
    assert [row.split()[0] for row in rows if " scan.new " in row] == sorted(inducted)
    assert any("role not known" in row for row in rows)


def test_a_site_that_is_gone_for_good_is_written_off_stays_visible_and_hides_no_other(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "44/4401/gz-one"
    assert "3-abcdef  2 written off" in told(capsys, "gaps", "--write-off", gone, "--store", store, "--lang", "en")
    of = ["--store", store, "--lang", "en"]
    assert f"{gone}  3-abcdef  2 will never come: written off at the bureau" in told(
        capsys, "gaps", "--site", gone, *of
    )
    assert "44/4401/gz-two  3-abcdef  2 missing" in told(capsys, "gaps", *of, status=1)
    assert "nothing is missing" in told(capsys, "gaps", "--write-off", gone, *of)
    opened = databases.opener(store)()
    say(opened, gone, "health", 2)
    opened.close()
    assert "written off" not in told(capsys, "gaps", "--site", gone, *of), "it has come all the same"


@pytest.mark.parametrize("words", [["totals", "--site", "a/b/c/d"], ["gaps", "--write-off", "44/+/gz"]])
def test_what_names_no_sites_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bureau", *words])
    assert ended.value.code == 2
    assert words[-1] in capsys.readouterr().err

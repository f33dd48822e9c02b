"""`hubpulse bureau` keeps what a broker delivers and tells totals and gaps from it; wrong words get one sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import powerless
import pytest
from broker import Broker
from uplink_rig import IDENTITY, Rig, eventually

from agent.__main__ import main
from agent.bureau import databases
from agent.bureau.arrival import read
from agent.cli import bureau_sites
from agent.load.instant import Instant

SITE = f"44/4401/{IDENTITY.site}"


def test_a_day_at_the_bureau(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = f"sqlite:{tmp_path / 'bureau.db'}"
    with Broker(tmp_path / "broker") as broker:
        words = ["bureau", "run", "--port", str(broker.port), "--store", store, "--json"]
        running = subprocess.Popen(
            [sys.executable, "-m", "agent", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stderr is not None
        assert any("broker_up" in line for line in running.stderr)
        with Rig(tmp_path, broker.port) as rig:
            rig.commit(5)
            rig.seq += 2
            rig.commit(3)
            assert rig.drained()
            assert eventually(lambda: _kept(store) >= 8)
        running.send_signal(signal.SIGINT)
        assert json.loads(running.communicate(timeout=60)[0].splitlines()[-1])["new"] >= 8
        assert running.returncode == 0
    assert main(["bureau", "totals", "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sites"][SITE]["counters"]["eye.di0"]["total"] == 10
    assert main(["bureau", "totals", "--store", store]) == 0
    assert len({len(row) for row in capsys.readouterr().out.splitlines()}) == 1, "totals stand below each other"
    assert main(["bureau", "gaps", "--store", store, "--lang", "zh"]) == 1
    assert "缺 6 至 7" in capsys.readouterr().out


def test_the_bureau_lists_its_sites_with_firm_and_neighbours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:{tmp_path / 'bureau.db'}"
    opened = databases.opener(store)()
    older: dict[str, object] = {"level": "hub", "name_zh": "旧名"}
    newer: dict[str, object] = {"level": "province_hub", "tier": "hub", "name_en": "Baiyun", "carrier": "zto"}
    newer |= {"upstream": ["43/4301/cs-yuhua", "44/4401/gz-tianhe"], "downstream": ["\x1b[2J"]}
    for number, site in ((9, older), (10, newer)):
        message = {"epoch": f"{number}-abcdef", "seq": 1, "site": site}
        opened.take(list(read(f"hubpulse/v1/{SITE}/meta", json.dumps(message).encode())))
    opened.take(list(read(f"hubpulse/v1/{SITE}/status", b'{"online":true,"sid":1}')))
    opened.take(list(read("hubpulse/v1/44/4401/silent/status", b'{"online":false,"sid":1}')))
    opened.take(list(read("hubpulse/v1/44/4401/unnamed/health", b'{"epoch":"1-abcdef","seq":2}')))
    opened.close()
    assert main(["bureau", "sites", "--store", store, "--lang", "en"]) == 0
    baiyun, silent, unnamed, summary = capsys.readouterr().out.splitlines()
    assert baiyun.startswith(f"{SITE}  connected  Baiyun  level=province_hub  tier=hub  carrier=zto")
    assert baiyun.endswith("upstream=43/4301/cs-yuhua, 44/4401/gz-tianhe")
    assert silent == "44/4401/silent  away  has not said what it is: no meta of it is kept"
    assert unnamed == "44/4401/unnamed  away  has not said what it is: no meta of it is kept"
    assert summary == "1 of 3 sites are connected"
    assert main(["bureau", "sites", "--store", store, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["online"], told["sites"][SITE]["carrier"], told["sites"][SITE]["online"]) == (1, "zto", True)


def test_a_temporary_site_whose_last_day_nears_or_has_passed_is_said_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, today = f"sqlite:{tmp_path / 'bureau.db'}", date(2027, 1, 15)
    monkeypatch.setattr(bureau_sites, "now", lambda: Instant("boot", 0.0, 1_800_000_000.0, "ntp"))
    opened = databases.opener(store)()
    ends = {"a-over": -3, "b-near": 7, "c-far": 30}
    for place, days in ends.items():
        site = {"level": "temporary", "valid_until": (today + timedelta(days)).isoformat()}
        message = {"epoch": "9-abcdef", "seq": 1, "site": site}
        opened.take(list(read(f"hubpulse/v1/44/4401/{place}/meta", json.dumps(message).encode())))
    odd = {"epoch": "9-abcdef", "seq": 1, "site": {"valid_until": "soon"}}
    opened.take(list(read("hubpulse/v1/44/4401/d-odd/meta", json.dumps(odd).encode())))
    opened.close()
    assert main(["bureau", "sites", "--store", store, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sites"]
    left = {path.rpartition("/")[2]: site.get("days_left") for path, site in told.items()}
    assert left == {**ends, "d-odd": None}
    assert main(["bureau", "sites", "--store", store, "--lang", "zh"]) == 0
    over, near, far, odd_row, _ = capsys.readouterr().out.splitlines()
    assert over.endswith("（已过期 3 天）")
    assert near.endswith("（还剩 7 天）")
    assert not far.endswith(")")
    assert odd_row.endswith("soon")


@pytest.mark.parametrize("action", ["totals", "gaps", "sites"])
def test_of_an_empty_store_nothing_is_told_but_how_to_fill_that_very_store(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:{tmp_path / 'empty.db'}"
    assert main(["bureau", "run", "--store", store, "--port", "1"]) == 1
    capsys.readouterr()
    assert main(["bureau", action, "--store", store, "--lang", "en"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "nothing is kept" in told.err
    assert f"hubpulse bureau run --store {store}" in told.err
    assert main(["bureau", action, "--store", store, "--json"]) == 1
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_totals_of_the_first_minute_say_when_to_ask_again_and_who_is_connected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:{tmp_path / 'bureau.db'}"
    opened = databases.opener(store)()
    opened.take(list(read(f"hubpulse/v1/{SITE}/health", json.dumps({"epoch": "9-abcdef", "seq": 1}).encode())))
    opened.close()
    for lang, when in (("en", "each minute"), ("zh", "一分钟后")):
        assert main(["bureau", "totals", "--store", store, "--lang", lang]) == 0
        said = capsys.readouterr().out
        assert when in said
        assert "hubpulse bureau sites" in said


def test_gaps_end_with_who_asks_for_them_and_what_will_never_come_is_no_reason_to_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:{tmp_path / 'bureau.db'}"
    opened = databases.opener(store)()
    for seq in (1, 4):
        opened.take(list(read(f"hubpulse/v1/{SITE}/health", json.dumps({"epoch": "9-abcdef", "seq": seq}).encode())))
    opened.close()
    assert main(["bureau", "gaps", "--store", store, "--lang", "en"]) == 1
    gap, action = capsys.readouterr().out.splitlines()
    assert gap.endswith("2 to 3 missing")
    assert f"hubpulse bureau run --receipts --store {store}" in action


def test_gaps_say_how_often_each_was_asked_for_and_when_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"sqlite:{tmp_path / 'bureau.db'}"
    opened = databases.opener(store)()
    for seq in (1, 4, 9):
        opened.take(list(read(f"hubpulse/v1/{SITE}/health", json.dumps({"epoch": "9-abcdef", "seq": seq}).encode())))
    for at_s in (1_764_147_600, 1_764_148_000):
        assert opened.claim((SITE, "9-abcdef", (2, 3)), at_s, 300)
        assert opened.claim((SITE, "", (0, 0)), at_s, 300)
    opened.close()
    main(["bureau", "gaps", "--store", store, "--lang", "en"])
    asked, unasked, _ = capsys.readouterr().out.splitlines()
    assert asked.endswith("2 to 3 missing; asked for 2x, last 2025-11-26 17:06:40+08:00")
    assert unasked.endswith("5 to 8 missing")
    main(["bureau", "gaps", "--store", store, "--json"])
    assert json.loads(capsys.readouterr().out)["missing"][0]["asked"] == [2, 0]


@pytest.mark.parametrize("action", ["run", "totals", "gaps", "sites"])
@pytest.mark.parametrize("closed", ["folder", "file"])
def test_a_store_of_another_user_is_named_with_what_to_do_and_the_exit_code_for_it(
    action: str, closed: str, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    store = f"sqlite:{folder / 'b.db'}"
    databases.opener(store)().close()
    (folder if closed == "folder" else folder / "b.db").chmod(0)
    told = powerless.hubpulse("bureau", action, "--store", store, "--lang", "en")
    assert (told.returncode, told.stdout) == (77, "")
    assert f"{store} cannot be opened: Permission denied; use sudo" in told.stderr
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(("lang", "said"), [("en", "database disk image is malformed"), ("zh", "数据库文件已损坏")])
def test_a_damaged_page_in_the_midst_of_the_store_is_told_in_one_sentence(
    lang: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bureau.db"
    opened = databases.opener(f"sqlite:{path}")()
    counts = {f"belt{number:04}.di0": number for number in range(900)}
    payload = json.dumps({"epoch": "9-abcdef", "seq": 1, "base": 7, "counts": counts}).encode()
    opened.take(list(read(f"hubpulse/v1/{SITE}/line/north/telemetry", payload)))
    assert len(opened.totals()[SITE]) == 900
    opened.close()
    _destroy_last_page_with(b"belt0800.di0", path)
    assert main(["bureau", "totals", "--store", f"sqlite:{path}", "--lang", lang]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert f"sqlite:{path}: {said}" in told.err


def _destroy_last_page_with(octets: bytes, path: Path) -> None:
    """What a failing card makes of a page of SQLite's 4096 bytes."""
    content = bytearray(path.read_bytes())
    start = content.rindex(octets) // 4096 * 4096
    content[start : start + 4096] = b"\xff" * 4096
    path.write_bytes(content)


def _kept(store: str) -> int:
    if not Path(store.removeprefix("sqlite:")).exists():
        return 0
    opened = databases.opener(store)()
    kept = sum(opened.messages().values())
    opened.close()
    return kept


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["totals", "--store", "bureau.db"], "write sqlite:PATH", 2),
        (["totals", "--store", "sqlite:{tmp}/bureau.db"], "there is no such file", 66),
        (["gaps", "--store", "sqlite:{tmp}/bureau.db"], "there is no such file", 66),
        (["run", "--store", "sqlite:/nowhere/bureau.db"], "unable to open", 1),
        (["run", "--store", "sqlite:{tmp}/b.db", "--workers", "2"], "--share GROUP", 2),
        (["run", "--store", "sqlite:{tmp}/b.db", "--port", "1"], "refused", 1),
        (["run", "--store", "sqlite:{tmp}/b.db", "--tls"], "--tls needs --ca", 2),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    words: list[str], said: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bureau", *(word.format(tmp=tmp_path) for word in words)]) == status
    sentence = capsys.readouterr().err
    assert said in sentence.lower() or said in sentence
    assert sentence.startswith("hubpulse bureau: ")
    assert not (tmp_path / "bureau.db").exists()
    assert sentence.count("\n") == (2 if said == "refused" else 1)  # there with the next step


def test_a_bureau_that_was_never_let_in_ends_with_the_reason_and_exit_code_1(tmp_path: Path) -> None:
    secret = tmp_path / "wrong"
    secret.write_text("no such password", encoding="utf-8")
    secret.chmod(0o600)
    words = ["bureau", "run", "--store", f"sqlite:{tmp_path / 'b.db'}", "--lang", "en", "--username", "bureau"]
    with Broker(tmp_path / "broker", users={"bureau": "right"}) as broker:
        command = [*words, "--password-file", str(secret), "--port", str(broker.port)]
        running = subprocess.Popen(
            [sys.executable, "-m", "agent", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stderr is not None
        assert any("broker_down" in line and "Not authorized" in line for line in running.stderr)
        running.send_signal(signal.SIGINT)
        told, last = running.communicate(timeout=60)
    assert running.returncode == 1
    assert f"hubpulse bureau: 127.0.0.1:{broker.port} never let us in: Not authorized; check --username" in last
    assert "Protocol error" not in last
    assert "0 of 1 connected" in told

"""`hubpulse status`: how the agent stands at this moment, also while the bureau is away."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Broker
from ordered_site import OrderedSite

from agent.__main__ import main
from agent.cli.mode import in_force
from agent.cli.status import bureau_in_words, devices_in_words, span, waiting_in_words
from agent.clock import wait
from agent.control.remote import Remote
from config import messages
from config.messages import LANGUAGES

TURNS = 600


@pytest.fixture
def site(tmp_path: Path) -> Iterator[OrderedSite]:
    """An agent that was connected, and now its broker is gone."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        site = OrderedSite(tmp_path, broker)
        with site.bureau:
            stack.enter_context(site.agent())
        yield site


def status(site: OrderedSite, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["status", "--control", str(site.socket), *words]) == 0
    return capsys.readouterr().out


def test_what_waits_while_the_bureau_is_away_is_told_with_its_reason_and_the_spools_place(
    site: OrderedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(status(site, capsys, "--json"))["uplink"]["connected"]
    site.broker.stop()
    for _ in range(TURNS):
        told = json.loads(status(site, capsys, "--json"))
        if not told["uplink"]["connected"] and told["uplink"]["reason"] and told["spool"]["held"]:
            break
        wait(0.1)
    assert told["uplink"]["for_s"] < told["up_s"] + 1.0
    said = status(site, capsys, "--lang", "zh")
    assert "邮管局     断开 " in said and f"：127.0.0.1:{site.broker.port}：" in said
    assert f"缓存       {site.folder}/spool，写入磁盘" in said
    assert "当前模式：平时，按配置" in said
    waiting = next(line for line in said.splitlines() if line.startswith("待发"))
    assert int(waiting.split()[1]) >= told["spool"]["held"]


def test_why_a_device_is_away_and_what_one_refuses_is_told() -> None:
    answers = {"online": True, "reason": "answers", "wire": "", "unsupported": ["di5"], "unasked": []}
    away = answers | {"online": False, "reason": "timeout"}
    devices = {
        "plc": away,
        "panel": away | {"reason": "link_down", "wire": "the port is in use by another program"},
        "new": answers | {"online": None},
        "eye": answers,
    }
    english, chinese = (devices_in_words(devices, lang) for lang in LANGUAGES)
    assert "1 of 4 answer; not: plc (no answer), panel (the port is in use by another program), new (not " in english
    assert english.endswith("; eye answers, but not for di5") and "panel（串口被另一个程序占用）" in chinese


def test_that_nobody_subscribes_is_told_though_the_broker_is_there() -> None:
    uplink = {"connected": True, "for_s": 9.0, "protocol": "5", "no_subscribers": True}
    assert "nobody subscribes to this site" in bureau_in_words(uplink, "en")
    assert "subscribes" not in bureau_in_words(uplink | {"no_subscribers": False}, "en")


def test_what_the_broker_has_and_only_the_bureaus_receipt_lacks_is_told_where_receipts_are_awaited() -> None:
    facts = {"spool": {"held": 3017, "hours_left": 1.1}, "uplink": {"waiting": 17}, "receipts": True}
    assert "the broker has 3000 of them, no receipt" in waiting_in_words(facts, "en")
    assert "其中 3000 条消息服务器已收到" in waiting_in_words(facts, "zh")
    for other in ({"receipts": False}, {"uplink": {"waiting": 3017}}):
        assert "receipt" not in waiting_in_words(facts | other, "en")


def test_which_mode_and_which_plan_wait_for_the_time_is_told_in_the_technicians_language() -> None:
    waiting = [{"kind": "mode", "by": "nu", "mode": "peak"}, {"kind": "plan", "by": "duty", "plan": "p7"}]
    shown = dict.fromkeys(("suspended", "to", "exercise", "plan", "plan_to"))
    shown |= {"mode": "normal", "by": "settings", "waiting": waiting}
    english, chinese = (in_force(shown, lang) for lang in LANGUAGES)
    assert english.endswith("waits for a time server: mode peak (nu), plan p7 (duty)")
    assert chinese.endswith("等待校时后生效：模式“旺季”（nu），预案 p7（duty）")


def test_no_agent_means_no_status_and_the_way_to_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--control", str(tmp_path / "nobody.sock"), "--lang", "en"]) == 1
    assert "systemctl start hubpulse" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "missing"), [("status", "for_s"), ("mode", "waiting"), ("ready", "receipts")])
def test_an_agent_of_an_earlier_release_that_runs_on_after_an_upgrade_is_told_as_that(
    verb: str, missing: str, site: OrderedSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = tmp_path / "earlier.sock"
    with socket.create_server(str(earlier), family=socket.AF_UNIX) as door, ThreadPoolExecutor(1) as others:
        door.settimeout(60.0)
        served = others.submit(relay, door, site.socket, missing, talks=2 if verb == "status" else 1)
        assert main([verb, "--control", str(earlier), "--lang", "en"]) == 1
        served.result(60.0)
    assert "[E2781] the agent that runs is of another release" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "ours"),
    [(["status"], "agent.cli.status._counters"), (["ready", "--for", "1s"], "agent.readiness._clock")],
)
def test_a_key_that_our_own_words_lack_is_not_taken_for_an_agent_of_another_release(
    words: list[str], ours: str, site: OrderedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, lambda *_: messages.word("no_such_word", "en"))
    with pytest.raises(KeyError, match="no_such_word"):
        main([*words, "--control", str(site.socket), "--lang", "en"])


def test_a_state_that_only_a_later_release_knows_is_shown_as_it_is() -> None:
    later = {"mode": "festival", "suspended": "festival_calm", "to": None, "by": "settings", "exercise": False}
    assert "festival, festival_calm" in in_force(later | {"plan": "", "plan_to": None, "waiting": []}, "en")


def relay(door: socket.socket, agent: Path, missing: str, talks: int) -> None:
    """The agent behind another door, without what an earlier release does not tell."""
    for _ in range(talks):
        with door.accept()[0] as asker, asker.makefile("rw") as lines, Remote(agent) as remote:
            for line in lines:
                told = json.loads(json.dumps(remote.ask(json.loads(line)["do"])), object_hook=without(missing))
                lines.write(json.dumps(told) + "\n")
                lines.flush()


def without(missing: str) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda table: {name: value for name, value in table.items() if name != missing}


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [(0.4, "0 min 0 s", "0 分 0 秒"), (3725, "1 h 2 min", "1 小时 2 分"), (180_000, "2 d 2 h", "2 天 2 小时")],
)
def test_how_long_something_lasts_is_said_in_its_two_largest_units(seconds: float, english: str, chinese: str) -> None:
    assert (span(seconds, "en"), span(seconds, "zh")) == (english, chinese)

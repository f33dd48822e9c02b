"""A refusal carries its reason word, as the manual lists it, and a sentence in the language asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker
from ordered_site import PLACE, OrderedSite

import agent
from agent.__main__ import main
from agent.commission import ComplaintError
from config.messages import LANGUAGES, Refusal, text, word

ROOMS = Path(agent.__file__).parent
RAISED = re.compile(r'(?:RefusedError|ControlError)\(\s*"([a-z_]+)"')
SAID = [
    *(ROOMS / "orders").glob("*.py"),
    *(ROOMS / "control").glob("*.py"),
    ROOMS / "helm.py",
    ROOMS / "local_orders.py",
]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def reasons() -> set[str]:
    return {word for room in SAID for word in RAISED.findall(room.read_text("utf-8"))}


def test_every_reason_of_a_refusal_has_a_sentence_in_both_languages() -> None:
    assert len(reasons()) > 20
    for reason in reasons():
        english, chinese = (word(f"refusal_{reason}", lang) for lang in LANGUAGES)
        assert english != chinese and chinese.isascii() is False


@pytest.mark.parametrize(
    ("detail", "english", "chinese"),
    [
        (
            "there are: north, odd",
            "there is no such line (`unknown_line`): there are: north, odd",
            "可用的有：north, odd",
        ),
        ("", "there is no such line (`unknown_line`)", "没有这条分拣线（`unknown_line`）"),
    ],
)
def test_a_refusal_is_told_with_its_word_and_its_detail(detail: str, english: str, chinese: str) -> None:
    told = {lang: text("E2761", lang, reason=Refusal("unknown_line", detail)).seen for lang in LANGUAGES}
    assert told["en"].endswith(english) and told["zh"].endswith(chinese)


def test_an_agent_of_tomorrow_may_refuse_for_a_reason_that_is_not_known() -> None:
    assert text("E2761", "zh", reason=Refusal("moonlight")).seen.endswith("moonlight（`moonlight`）")


def test_what_an_agent_will_not_do_on_a_bus_is_told_with_its_word() -> None:
    complaint = ComplaintError("E2614", bus="x", reason=Refusal("unknown_bus", "there are: panel"))
    assert "没有这条总线（`unknown_bus`）：可用的有：panel" in text("E2614", "zh", **complaint.values).seen


def test_the_bureau_reads_why_its_order_was_refused(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = OrderedSite(tmp_path, broker)
    plan = ["plan_id=p-7", "type=divert", "to_site=gz-huadu", "line=nroth", "to=+2h", "by=duty-1"]
    where = ["--site", PLACE, "--host", "127.0.0.1", "--port", str(broker.port), "--lang", "zh"]
    with site.bureau, site.agent():
        assert main(["command", "send", "plan", *plan, *where]) == 1
    assert "被拒绝：没有这条分拣线（`unknown_line`）" in capsys.readouterr().out


def test_an_order_that_is_not_signed_says_so_beside_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (key := tmp_path / "bureau.key").write_text("7c" * 32)
    key.chmod(0o600)
    words = ["command", "sign", "mode", "--site", PLACE, "mode=peak", "to=+12h", "by=x", "--lang", "en"]
    for key_words, said in (([], "without a signature"), (["--key", str(key)], "")):
        assert main([*words, *key_words]) == 0
        out, err = capsys.readouterr()
        assert ("sig" in json.loads(out), said in err, bool(err)) == (not said, True, bool(said))


@pytest.mark.parametrize("written", ["to=12h", "from=30m"])
def test_a_time_from_now_without_its_plus_is_told_how_it_is_written(
    written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, value = written.partition("=")
    assert main(["command", "sign", "mode", "--site", PLACE, "mode=peak", written, "by=x"]) == 1
    assert f"{name}=+{value}" in capsys.readouterr().err

"""The bureau's end: totals rebuilt from whatever a broker delivers, and `hubpulse watch` that shows them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import pytest
from broker import Broker
from certificates import Authority
from hypothesis import given
from hypothesis import strategies as st
from ports import free_port
from uplink_rig import IDENTITY, WAIT_S, Rig, telemetry

from agent.__main__ import main
from agent.bureau.subscriber import Subscriber
from agent.bureau.view import MAX_PAYLOAD_BYTES, View
from agent.uplink.connection import RefusedError
from agent.uplink.credentials import Login

SITE = IDENTITY.site
PATH = f"44/4401/{SITE}"
STATUS = IDENTITY.topic("status")
TELEMETRY = IDENTITY.topic("line/north/telemetry")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def status(sid: int, online: bool) -> bytes:
    return json.dumps({"online": online, "sid": sid}).encode()


def test_a_death_of_an_earlier_connection_is_no_news() -> None:
    view = View()
    view.hear(STATUS, status(41, True))
    view.hear(STATUS, status(42, True))
    view.hear(STATUS, status(41, False))
    assert view.site(SITE).online is True
    view.hear(STATUS, status(42, False))
    assert view.site(SITE).online is False


def test_a_birth_on_a_new_card_is_news_though_its_number_is_lower() -> None:
    view = View()
    view.hear(STATUS, status(42, True))
    view.hear(STATUS, status(42, False))
    view.hear(STATUS, status(1, True))
    assert (view.site(SITE).online, view.site(SITE).sid) == (True, 1)
    view.hear(STATUS, status(1, False))
    assert view.site(SITE).online is False


def test_a_late_will_is_not_shown_as_the_latest_status() -> None:
    view = View()
    view.hear(STATUS, status(42, True))
    view.hear(STATUS, status(41, False))
    assert view.site(SITE).latest["status"] == {"online": True, "sid": 42}


def test_a_message_delivered_again_does_not_hide_what_is_newer() -> None:
    view = View()
    for seq in (8, 9, 8):
        view.hear(TELEMETRY, telemetry(seq).payload)
    assert view.site(SITE).latest["line/north/telemetry"]["seq"] == 9
    assert view.site(SITE).totals.duplicates == 1


def test_history_counts_but_does_not_hide_what_is_newer() -> None:
    view = View()
    view.hear(TELEMETRY, telemetry(9).payload)
    late = telemetry(3).payload[:-1] + b',"hist":true}'
    assert view.hear(TELEMETRY, late) is not None
    assert view.site(SITE).latest["line/north/telemetry"]["seq"] == 9
    assert view.site(SITE).totals.messages == 2
    assert view.site(PATH) is view.site(SITE)


@pytest.mark.parametrize(
    "topic",
    [
        "hubpulse/v1/44/4401/gz",
        "hubpulse/v1/44/4401/GZ/status",
        "hubpulse/v2/44/4401/gz/status",
        "hubpulse/v1/4/4401/gz/status",
        "hubpulse/v1/44/4401/gz/line//x",
        "",
        "\x1b[2J",
    ],
)
def test_foreign_topics_are_counted_and_leave_no_trace(topic: str) -> None:
    view = View()
    assert view.hear(topic, telemetry(1).payload) == []
    assert view.rejected == 1
    assert not view.sites


@given(
    st.text(max_size=20) | st.just(TELEMETRY) | st.just(STATUS),
    st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_any_message_is_taken_or_counted(topic: str, payload: bytes) -> None:
    view = View()
    heard = view.hear(topic, payload)
    assert view.rejected == (not heard)
    assert not any(site.totals.counters for site in view.sites.values())


def test_deep_and_endless_payloads_are_counted() -> None:
    view = View()
    view.hear(TELEMETRY, b'{"a":' * 100_000)
    view.hear(TELEMETRY, b"[" + b" " * MAX_PAYLOAD_BYTES + b"]")
    view.hear(TELEMETRY, b'{"seq":' + b"9" * 10_000 + b"}")
    assert view.rejected == 3


def test_a_subscriber_finds_its_way_back_after_the_broker_was_away(broker: Broker) -> None:
    with Subscriber("127.0.0.1", broker.port) as bureau:
        broker.kill()
        broker.start()
        for seq in range(1, 120):
            mqtt_publish.single(TELEMETRY, telemetry(seq).payload, qos=1, port=broker.port)
            if bureau.wait_until(lambda seq=seq: bureau.totals(SITE).counted("eye.di0").total == seq, 0.5):
                return
    pytest.fail("it did not come back")


def test_a_bureau_with_a_name_misses_nothing_while_it_is_away(broker: Broker) -> None:
    with Subscriber("127.0.0.1", broker.port, client_id="bureau"):
        pass
    for seq in (1, 2, 3):
        mqtt_publish.single(TELEMETRY, telemetry(seq).payload, qos=1, port=broker.port)
    with Subscriber("127.0.0.1", broker.port, client_id="bureau") as bureau:
        assert bureau.wait_until(lambda: bureau.totals(SITE).messages == 3, WAIT_S)
        assert bureau.totals(SITE).gaps() == {}


def test_foreign_messages_on_a_real_broker_are_counted(broker: Broker) -> None:
    with Subscriber("127.0.0.1", broker.port) as bureau:
        mqtt_publish.single(TELEMETRY, b"\xff\x00 not json", port=broker.port)
        mqtt_publish.single(TELEMETRY, telemetry(1).payload, port=broker.port)
        assert bureau.wait_until(lambda: bureau.totals(SITE).messages == 1, WAIT_S)
        assert bureau.rejected == 1


def test_a_subscriber_without_a_broker_or_without_leave_says_why(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="refused"):
        Subscriber("127.0.0.1", free_port()).start()
    with Broker(tmp_path / "broker", users={"bureau": "secret"}) as broker:
        with pytest.raises(RefusedError, match="Not authorized"):
            Subscriber("127.0.0.1", broker.port).start()
        with Subscriber("127.0.0.1", broker.port, login=Login("bureau", "secret")):
            pass


def test_amqtt_which_has_no_mqtt_5_serves_agent_and_bureau(tmp_path: Path) -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", AMQTT, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        with Subscriber("127.0.0.1", port) as bureau, Rig(tmp_path, port) as rig:
            rig.commit(25)
            assert rig.drained()
            assert bureau.version == "3.1.1"
            assert rig.publisher.status().protocol == "3.1.1"
            assert bureau.wait_until(lambda: bureau.totals(SITE).messages == 25, WAIT_S)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


AMQTT = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
from amqtt.broker import Broker

async def serve():
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })
    await broker.start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@pytest.fixture
def busy_broker(tmp_path: Path, broker: Broker) -> Iterator[Broker]:
    """A broker that keeps a line's last report, so that who comes late sees one at once."""
    fields = {"epoch": "1-abcdef", "seq": 4, "q": "good", "in_total": 182344, "in_pph": 15960.0, "load_index": 106.4}
    counts = {"counts": {"eye.di0": [1, 182344, 182344, 182344]}, "name": "\x1b[31m"}
    message = json.dumps(fields | counts).encode()
    mqtt_publish.single(STATUS, status(41, True), qos=1, retain=True, port=broker.port)
    mqtt_publish.single(TELEMETRY, message, qos=1, retain=True, port=broker.port)
    return broker


def watch(broker: Broker, *words: str) -> int:
    return main(["watch", "--port", str(broker.port), *words])


def test_watch_once_prints_everything_as_one_object(busy_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(busy_broker, "--once", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rejected"] == 0
    assert shown["sites"][PATH]["counters"] == {"eye.di0": {"lo": 182344, "hi": 182344, "total": 182344}}


@pytest.mark.parametrize(("lang", "words"), [("en", ("load", "index", "good")), ("zh", ("负荷", "指数", "可信"))])
def test_watch_once_draws_a_table(
    busy_broker: Broker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lang: str,
    words: list[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert watch(busy_broker, "--once", "--lang", lang) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (*words, SITE, "north", "182,344", "15,960", "106"))


def test_watch_prints_a_line_a_message(busy_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(busy_broker, "--for", "3s", "--lang", "en") == 0
    lines = set(capsys.readouterr().out.splitlines())
    report = f"{PATH} line/north/telemetry in_total=182,344 in_pph=15,960.0 load_index=106.4 q=good"
    assert lines == {f"{PATH} online", report}


def test_watch_passes_no_control_characters_on(busy_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(busy_broker, "--for", "3s", "--json") == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert {json.loads(line)["topic"] for line in shown.splitlines()} == {"status", "line/north/telemetry"}


@pytest.mark.parametrize("words", [[], ["--once"], ["--json"]])
def test_watch_says_that_nothing_was_heard_of_a_site_and_ends_with_1(
    busy_broker: Broker, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert watch(busy_broker, *words, "--for", "0.3s", "--site", "44/4401/nope", "--lang", "en") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"nothing heard of 44/4401/nope at 127.0.0.1:{busy_broker.port} within 0.3 s" in told.err


def test_watch_once_says_when_a_site_is_there_and_no_line_reported(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    mqtt_publish.single(STATUS, status(41, True), qos=1, retain=True, port=broker.port)
    assert watch(broker, "--once", "--for", "3s", "--lang", "en") == 1
    assert "no line reported within 3 s" in capsys.readouterr().err


def test_watch_once_lists_the_very_gaps_that_it_counts(busy_broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(busy_broker, "--once", "--json") == 0
    site = json.loads(capsys.readouterr().out)["sites"][PATH]
    assert (site["missing"], site["gaps"]) == (0, {}), "what was made before we listened is not missing"


def test_watch_says_why_it_sees_nothing(broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(broker, "--once", "--for", "0.2s") == 1
    assert main(["watch", "--port", str(free_port()), "--once"]) == 1
    assert "Connection refused" in capsys.readouterr().err
    assert main(["watch", "--tls"]) == 2
    assert main(["watch", "--password-file", "/x"]) == 2
    assert main(["watch", "--host", "mqtt.example.org", "--username", "gz", "--password-file", "/x"]) == 2
    assert "goes over TLS only" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--for", "soon"], ["--for", "0s"], ["--site", "44"], ["--site", "44/#/x"]])
def test_watch_refuses_what_makes_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["watch", *words])
    assert left.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_watch_works_over_tls_with_a_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("127.0.0.1")
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    options = [f"certfile {pair.cert}", f"keyfile {pair.key}"]
    with Broker(tmp_path / "broker", options=options, users={"bureau": "secret"}) as broker:
        words = ["--ca", str(authority.cert), "--username", "bureau", "--password-file", str(password)]
        assert watch(broker, *words, "--for", "0.2s", "--lang", "en") == 1
        assert "nothing heard of any site" in capsys.readouterr().err, "it was let in"
        password.chmod(0o644)
        assert watch(broker, *words, "--for", "0.2s") == 1
    assert "chmod 0640" in capsys.readouterr().err

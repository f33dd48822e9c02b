"""Commands through a real broker to a real agent: obeyed once, or refused with a reason, and all of it in the trail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import pytest
from broker import Broker
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from ordered_site import PLACE, OrderedSite, ms

from agent.orders import seal
from agent.orders.audit import Mark, entries, verify
from agent.orders.trail_files import FILE

SECRET = "7c" * 32


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", persistence=True) as running:
        yield running


def outcome(answer: Mapping[str, object]) -> tuple[object, object]:
    return answer["outcome"], answer.get("reason")


def pair_of_keys() -> tuple[str, str]:
    """A private and a public Ed25519 key as openssl writes them."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public.decode()


def dropped(health: Mapping[str, object]) -> int:
    uplink = health["uplink"]
    assert isinstance(uplink, dict)
    return int(uplink["commands_dropped"])


def peak(seq: int, **more: object) -> dict[str, object]:
    return {"mode": "peak", "seq": seq, "by": "bureau-gz", "to": ms(600), "note": "11.11", **more}


@pytest.mark.fault("M1", "M8")
def test_unsigned_commands_are_obeyed_once_or_refused_with_a_reason_and_outlive_a_kill(
    broker: Broker, tmp_path: Path
) -> None:
    site = OrderedSite(tmp_path, broker)
    with site.bureau:
        with site.agent():
            order = peak(5)
            assert outcome(site.ordered("mode", order, retain=True)) == ("accepted", None)
            site.wait(lambda: site.latest("state").get("mode") == "peak")
            assert site.latest("state")["mode_to"] == order["to"]
            assert outcome(site.ordered("mode", peak(6, to=ms(-5)))) == ("refused", "expired")
            assert outcome(site.ordered("mode", peak(5))) == ("refused", "replayed")
            assert outcome(site.ordered("mode", b'{"mode":"peak","mode":"normal"}')) == ("refused", "malformed")
            assert outcome(site.ordered("mode", {"mode": 1, "seq": 9, "by": "x"})) == ("refused", "type")
            plan = {"plan_id": "p-1", "type": "divert", "to_site": "gz-huadu", "seq": 1, "by": "gz", "to": ms(900)}
            assert outcome(site.ordered("plan", plan)) == ("accepted", None)
            site.order("reboot", {"seq": 1, "by": "gz"})
            assert outcome(site.ordered("plan", {**plan, "seq": 2, "type": "open"})) == ("refused", "value")
            site.wait(lambda: site.latest("state").get("plan") == "p-1")
        before = len(site.answers())
        with site.agent():
            answer = site.ordered("mode", {"mode": "normal", "seq": 7, "by": "bureau-gz"})
            assert outcome(answer) == ("accepted", None)
            assert len(site.answers()) == before + 1, "the retained command came again and was silent"
            assert site.told("meta")[-1]["mode"] == "peak"
            assert site.told("meta")[-1]["plan"] == "p-1"
    mark, faults = verify(tmp_path / "spool" / FILE, Mark(int(str(answer["audit"])), str(answer["audit_hash"])))
    assert not faults
    assert mark.n >= 11


@pytest.mark.fault("M1")
@pytest.mark.parametrize("algorithm", ["hmac-sha256", "ed25519"])
def test_where_signatures_are_required_only_the_bureau_is_obeyed(
    broker: Broker, tmp_path: Path, algorithm: str
) -> None:
    private, at_the_site = (SECRET, SECRET) if algorithm == "hmac-sha256" else pair_of_keys()
    key = tmp_path / "key"
    key.write_text(at_the_site + "\n")
    key.chmod(0o600)
    wanted = f'require_signature = true\nalgorithm = "{algorithm}"\nkey_file = "{key}"'
    site = OrderedSite(tmp_path, broker, wanted)
    signer = seal.signer(private)
    with site.bureau, site.agent():
        assert outcome(site.ordered("mode", peak(1))) == ("refused", "unsigned")
        signed = seal.signed(signer, PLACE, "mode", peak(2))
        assert outcome(site.ordered("mode", {**signed, "mode": "emergency"})) == ("refused", "signature")
        elsewhere = seal.signed(signer, "44/4401/gz-huadu", "mode", peak(2))
        assert outcome(site.ordered("mode", elsewhere)) == ("refused", "signature")
        other = seal.signed(seal.signer("00" * 32), PLACE, "mode", peak(2))
        assert outcome(site.ordered("mode", other)) == ("refused", "signature")
        assert site.answers()[-1]["mode"] == "normal"
        assert outcome(site.ordered("mode", signed)) == ("accepted", None)
        site.wait(lambda: site.latest("state").get("mode") == "peak")
    kept = [entry for _, _, entry in entries(tmp_path / "spool" / FILE) if entry]
    assert [entry["what"] for entry in kept] == ["start", *["refused"] * 4, "accepted", "mode"]
    assert str(signed["sig"]) not in json.dumps(kept)


@pytest.mark.fault("M9")
def test_a_flood_of_commands_costs_no_more_than_a_few_answers_and_entries(broker: Broker, tmp_path: Path) -> None:
    site = OrderedSite(tmp_path, broker)
    with site.bureau, site.agent():
        topic = f"hubpulse/v1/{PLACE}/cmd/mode"
        mqtt_publish.multiple([(topic, json.dumps(peak(n, to=1)), 0, False) for n in range(1, 601)], port=broker.port)
        site.wait(lambda: any(dropped(one) > 500 for one in site.told("health")))
        assert {outcome(one) for one in site.answers()} == {("refused", "expired")}
        assert len(site.answers()) < 20
    refused = [entry for _, _, entry in entries(tmp_path / "spool" / FILE) if entry and entry["what"] == "refused"]
    assert len(refused) <= 20

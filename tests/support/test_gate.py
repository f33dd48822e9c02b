"""The last gate of a support bundle: no waybill and no secret goes through it, and what helps does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.support.gate import Gate, is_secret
from agent.twin.codes import Codes

MARKS = re.compile(r"\[(?:number|secret|name)\]")
PRINTED = st.integers(0, 2**32).map(lambda seed: Codes(Random(seed)).draw())
OTHER_CODES = st.sampled_from(
    (
        "123456789012",  # of digits alone: Shunfeng's of before, ZTO, Yunda, Deppon's
        "1234567890123",
        "431234567890123",
        "12345678",
        "A1B2C3D4E5F6",
        "LP00123456789012",
        "YT12345678",
        "]C0SF1234567890123",
        "SF1234567890123",
        "1234 5678 9012",
        "53 46 31 32 33 34 35 36 37 38",
        r"\x53\x46\x31\x32\x33\x34\x35\x36",
        "5346313233343536373839",
    )
)
AROUND = st.text(st.characters(codec="utf-8", exclude_characters="0123456789"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(AROUND, PRINTED | OTHER_CODES, AROUND)
def test_no_code_goes_through_whatever_stands_around_it(before: str, code: str, after: str) -> None:
    shown = Gate().text(before + code + after)
    assert code not in shown
    assert not Gate().holds_back(shown.encode())


@given(st.integers(10**10, 10**16).filter(lambda number: not 1_700_000_000_000 <= number < 2_200_000_000_000))
def test_no_code_goes_through_as_a_number_of_json(number: int) -> None:
    assert str(number) not in json.dumps(Gate().tree({"note": [number, float(number)]}))


def test_a_moment_is_told_to_the_second_and_a_count_as_it_is() -> None:
    told = Gate().tree({"at": 1_795_000_000_123, "total": 4_294_967_295, "hours_left": 12.3456789012})
    assert told == {"at": "2026-11-18T11:06:40+00:00", "total": 4_294_967_295, "hours_left": 12.345679}


@given(st.text(min_size=4, max_size=40).filter(lambda one: len(one.strip()) >= 4), JSON, AROUND)
def test_a_secret_of_the_machine_is_nowhere_in_what_goes_out(secret: str, tree: object, around: str) -> None:
    gate = Gate(frozenset({secret}))
    shown = gate.tree([tree, {around: secret}, {secret: f"{around}{secret}"}])
    assert not [one for one in said(shown) if secret in MARKS.sub("\0", one)]
    assert not gate.holds_back(gate.text(around + secret + around).encode())


def said(tree: object) -> Iterator[str]:
    """Every text and number in it."""
    match tree:
        case dict():
            yield from (one for pair in tree.items() for inner in pair for one in said(inner))
        case list():
            yield from (one for inner in tree for one in said(inner))
        case str() | int() | float() if not isinstance(tree, bool):
            yield str(tree)


@pytest.mark.parametrize(
    "said",
    [
        "mqtt://agent:hunter2@mqtt.example.org:8883",
        "agent:hunter2@mqtt.example.org",
        "https://x/?token=hunter2&a=b",
        "password=hunter2",
        'password = "correct hunter2 horse"',
        "bureau-password: hunter2",
        "密码是hunter2",
        "口令：hunter2",
        "PASSWORD is hunter2",
        "Authorization: Bearer hunter2",
        r'odd reason="{\"password\": \"hunter2\"}"',
        "password_file=/etc/hubpulse/secret token=hunter2",
        "url=mqtt://a:p/w@hunter2@host",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2",
        "mode by=hunter2 for 4h",
        'steered by="hunter2 the second" mode=peak',
    ],
)
def test_what_is_said_to_be_a_secret_or_a_person_is_blanked(said: str) -> None:
    assert "hunter2" not in Gate().text(f"2026-11-26T09:00:00+0800 hubpulse[812]: {said}")


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-26T09:24:02+0800 hubpulse[812]: device_offline device=plc-a bus=sorter reason=timeout missed=3",
        'uplink_down reason="TLS: certificate verify failed: Hostname mismatch" host=mqtt.example.org port=8883',
        "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0-port0",
        "/etc/hubpulse/secrets/bureau.password: Permission denied",
        'config_refused password_file="/etc/hubpulse/secrets/bureau" reason="open to every user (mode 0644)"',
        "counter_reset counter=plc-a.inducted before=4123456 after=12 base=3",
        "tcp 192.168.100.200:502, unit 17, exception_2, 115200 8N1",
        "hubpulse.service: Main process exited, code=exited, status=78/CONFIG",
        "Python 3.11.2, Linux 6.1.0-rpi7-rpi-v8 #1 SMP PREEMPT Debian 1:6.1.63-1+rpt1 (2023-11-24)",
        "spool_condition place=ram reason=磁盘已满",
    ],
)
def test_what_a_supporter_needs_goes_through_as_it_is(said: str) -> None:
    assert Gate().text(said) == said


@given(st.text(max_size=200), JSON)
def test_any_text_and_any_json_is_judged_without_a_stumble(said: str, tree: object) -> None:
    gate = Gate(frozenset({"hunter2"}))
    once = gate.text(said)
    assert gate.text(once) == once
    json.dumps(gate.tree(tree))


def test_who_acknowledged_or_ordered_is_nobodys_business() -> None:
    told = {
        "by": "hunter2",
        "acked_by": "hunter2",
        "alarm": "jam",
        "user": None,
        "note": "seen_by=hunter2 acked_by=hunter2",
    }
    assert "hunter2" not in str(Gate().tree(told))


@pytest.mark.parametrize(("name", "secret"), [("password", True), ("key", True), ("api_key", True), ("pin", True)])
def test_a_name_tells_whether_a_secret_stands_under_it(name: str, secret: bool) -> None:
    assert is_secret(name) is secret
    assert not is_secret(f"{name}_file")

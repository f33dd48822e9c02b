"""Signatures that nothing can be changed under, and a trail in which nothing can be changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.__main__ import main
from agent.load.instant import Instant
from agent.orders import seal
from agent.orders.audit import Mark, Trail, verify
from agent.orders.order import RefusedError
from agent.orders.seal import Signer, Verifier
from agent.orders.trail_files import FILE

AT = Instant("boot-a", 10.0, 1.8e9, "ntp")
SITE = "44/4401/gz-baiyun"
FIELDS: dict[str, object] = {"mode": "peak", "seq": 7, "by": "值班", "to": 1_800_000_000_000}
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
SECRET = "6d" * 32
PAIRS = {
    "hmac-sha256": (seal.signer(SECRET), seal.verifier("hmac-sha256", SECRET)),
    "ed25519": (seal.signer(PEM), seal.verifier("ed25519", PUBLIC_PEM)),
}


@pytest.fixture(params=sorted(PAIRS))
def pair(request: pytest.FixtureRequest) -> tuple[Signer, Verifier]:
    return PAIRS[request.param]


def test_the_bytes_that_are_signed_are_those_of_the_manual() -> None:
    assert seal.canonical(SITE, "mode", {"to": 5, "by": "值班", "sig": "x"}) == (
        'hubpulse-order-1\n44/4401/gz-baiyun\nmode\n{"by":"值班","to":5}'.encode()
    )


def test_a_signature_is_good_for_its_fields_site_and_kind_alone(pair: tuple[Signer, Verifier]) -> None:
    signer, verifier = pair
    signed = seal.signed(signer, SITE, "mode", FIELDS)
    seal.demand(verifier, SITE, "mode", signed, required=True)
    for site, kind, fields in (
        ("44/4401/gz-huadu", "mode", signed),
        (SITE, "plan", signed),
        *((SITE, "mode", {**signed, name: 1}) for name in (*FIELDS, "note")),
        (SITE, "mode", {**signed, "sig": str(signed["sig"])[:-8] + "AAAAAAA="}),
        (SITE, "mode", {**signed, "sig": "rsa:AAAA"}),
        (SITE, "mode", {**signed, "sig": 7}),
        (SITE, "mode", {**signed, "sig": str(signed["sig"]) + "é"}),
    ):
        with pytest.raises(RefusedError, match="signature"):
            seal.demand(verifier, site, kind, fields, required=False)  # type: ignore[arg-type]


def test_an_unsigned_order_is_refused_where_signatures_are_required_and_obeyed_elsewhere() -> None:
    verifier = PAIRS["hmac-sha256"][1]
    seal.demand(verifier, SITE, "mode", FIELDS, required=False)
    with pytest.raises(RefusedError, match="unsigned"):
        seal.demand(verifier, SITE, "mode", FIELDS, required=True)


@pytest.mark.parametrize("fields", [{"x": 1.5}, {"x": "\ud800"}, {"x": [{"y": 0.1}]}])
def test_fields_that_two_languages_write_in_two_ways_cannot_be_signed(fields: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="signature"):
        seal.canonical(SITE, "mode", fields)


def test_a_key_that_is_none_is_told_without_what_is_in_it() -> None:
    for make in (
        lambda: seal.verifier("hmac-sha256", "chunyun-7731"),
        lambda: seal.verifier("ed25519", "chunyun-7731"),
    ):
        with pytest.raises(seal.KeyFormError) as fault:
            make()
        assert "7731" not in str(fault.value)
    assert SECRET not in repr(PAIRS["hmac-sha256"])


def trail(folder: Path, count: int = 5) -> Trail:
    made = Trail(folder)
    for number in range(count):
        made.write("accepted", AT, cmd="mode", cmd_seq=number, by="值班")
    return made


def test_a_trail_goes_on_after_a_restart_and_is_whole(tmp_path: Path) -> None:
    trail(tmp_path)
    mark = trail(tmp_path, 2).mark
    assert verify(tmp_path / FILE) == (mark, [])
    assert mark.n == 7


@settings(deadline=None, max_examples=50)
@given(line=st.integers(0, 4), byte=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_any_byte_that_is_changed_in_any_entry_is_found_at_its_line(
    tmp_path_factory: pytest.TempPathFactory, line: int, byte: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("trail")
    trail(folder)
    lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    changed = bytearray(lines[line])
    changed[byte % len(changed)] ^= flip
    lines[line] = bytes(changed)
    (folder / FILE).write_bytes(b"".join(lines))
    _, faults = verify(folder / FILE, Mark(5, ""))
    assert faults
    assert faults[0].n == line + 1


@pytest.mark.parametrize("gone", range(5))
def test_an_entry_that_is_taken_out_is_named(tmp_path: Path, gone: int) -> None:
    told = trail(tmp_path).mark
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    _, faults = verify(tmp_path / FILE, told)
    assert faults[0].n == gone + 1


def test_a_trail_that_was_written_anew_is_not_the_one_the_bureau_was_told_of(tmp_path: Path) -> None:
    told = trail(tmp_path).mark
    (tmp_path / FILE).unlink()
    forged = Trail(tmp_path)
    for number in range(5):
        forged.write("accepted", AT, cmd="plan", cmd_seq=number)
    assert verify(tmp_path / FILE)[1] == []
    assert verify(tmp_path / FILE, told)[1][0].n == 5


@pytest.mark.parametrize("garbage", [b"\x00" * 40, b"{}" * 9, b"x" * 40_000])
def test_a_trail_with_garbage_in_it_goes_on_and_the_garbage_is_named(tmp_path: Path, garbage: bytes) -> None:
    trail(tmp_path)
    with (tmp_path / FILE).open("ab") as file:
        file.write(garbage + b"\n")
    mark = trail(tmp_path, 2).mark
    newest, faults = verify(tmp_path / FILE, mark)
    assert newest == mark == (7, mark.hash)
    assert {(one.n, one.reason) for one in faults} == {(6, "no entry")}


def test_half_an_entry_after_a_power_cut_goes_and_the_trail_is_whole(tmp_path: Path) -> None:
    made = trail(tmp_path)
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"n":6,"prev":"')
    again = Trail(tmp_path)
    assert again.mark == made.mark
    again.write("start", AT)
    assert verify(tmp_path / FILE)[1] == []


def test_entries_hold_what_happened_and_nothing_of_a_signature(tmp_path: Path) -> None:
    trail(tmp_path, 1)
    entry = json.loads((tmp_path / FILE).read_text())
    assert {"n": 1, "prev": "", "what": "accepted", "cmd": "mode", "tsq": "ntp"}.items() <= entry.items()


def test_the_verb_signs_what_the_site_verifies_and_sends_nothing_that_has_no_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "bureau.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    words = ["command", "sign", "mode", "--site", SITE, "--key", str(key), "--lang", "en"]
    assert main([*words, "mode=peak", "to=+12h", "by=duty-1", "exercise=true"]) == 0
    order = json.loads(capsys.readouterr().out)
    seal.demand(PAIRS["hmac-sha256"][1], SITE, "mode", order, required=True)
    assert order["exercise"] is True
    assert order["to"] - order["seq"] in range(43_199_000, 43_230_000)
    assert main([*words, "mode=party", "to=+12h", "by=duty-1"]) == 1
    assert "E2766" in capsys.readouterr().err
    key.chmod(0o644)
    assert main([*words, "mode=normal", "by=duty-1"]) == 1
    said = capsys.readouterr().err
    assert "E2767" in said and SECRET not in said

"""Any bytes are explained: what they are, field by field, whether the checksum is right, and what they would do."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modbus_oracle import crc, framed

from agent.__main__ import main
from agent.cli.explained_words import as_json, blocks, exception_name
from agent.lockers import languages
from config.messages import reason
from drivers.explain import explained
from drivers.modbus_frames import EXCEPTIONS

ASK = framed("rtu", 1, bytes((3, 0, 100, 0, 2)))
ANSWER = framed("rtu", 1, bytes((3, 4, 0, 1, 0xE2, 0x40)))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(["explain", "--lang", "en", *words])
    return capsys.readouterr().out


def frames(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    main(["explain", "--json", *words])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["frames"]
    return found


@pytest.mark.parametrize(
    "written", [ASK.hex(), ASK.hex(" "), ASK.hex(",").upper(), "0x" + ASK.hex(":").replace(":", " 0x")]
)
def test_a_request_is_told_field_by_field_however_it_is_written(
    capsys: pytest.CaptureFixture[str], written: str
) -> None:
    text = said(capsys, *written.split())
    for part in ("RTU", "request", "3 read holding registers", "100 (0x0064, 40101)", "quantity", "right"):
        assert part in text


def test_a_conversation_is_taken_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = frames(capsys, (ASK + ANSWER).hex())
    assert [(one["framing"], one["part"]) for one in found] == [("rtu", "request"), ("rtu", "reply")]
    assert found[1]["registers"] == [1, 0xE240]


def test_values_of_a_short_reply_are_shown_under_every_type_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = frames(capsys, ANSWER.hex())
    assert found["values"]["u32 ABCD"] == [123456]
    assert found["values"]["u32 CDAB"] == [0xE2400001]
    assert found["values"]["u16 ABCD"] == [1, 0xE240]
    assert found["values"]["i32 ABCD"] == [123456]
    assert "u32 ABCD   123456" in said(capsys, ANSWER.hex())


def test_a_wrong_checksum_is_told_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ASK[:-2] + b"\x12\x34"
    assert f"WRONG, should be {crc(ASK[:-2]).hex(' ').upper()}" in said(capsys, wrong.hex())
    assert main(["explain", wrong.hex()]) == 1
    assert main(["explain", ASK.hex()]) == 0


def test_a_refusal_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, framed("rtu", 9, bytes((0x84, 2))).hex())
    assert "refused: read input registers" in text
    assert "2 ILLEGAL DATA ADDRESS" in text


def test_modbus_tcp_is_known_by_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = frames(capsys, framed("tcp", 1, bytes((4, 0, 0, 0, 9)), turn=77).hex())
    assert (found["framing"], found["transaction"], found["part"]) == ("tcp", 77, "request")


def test_modbus_ascii_is_known_by_its_colon(capsys: pytest.CaptureFixture[str]) -> None:
    octets = bytes((1, 3, 0, 100, 0, 2))
    line = ":" + (octets + bytes((-sum(octets) & 0xFF,))).hex().upper()
    for written in (line, line.encode().hex() + "0d0a"):
        (found,) = frames(capsys, written)
        assert (found["framing"], found["checksum"]["ok"]) == ("ascii", True)
    assert "WRONG" in said(capsys, line[:-2] + "00")


@pytest.mark.parametrize(
    "pdu", [(5, 0, 1, 0xFF, 0), (6, 0, 1, 0, 2), (16, 0, 1, 0, 1, 2, 0, 5), (22, 0, 1, 0, 1, 0, 1)]
)
def test_a_write_is_told_as_one_that_is_never_sent(capsys: pytest.CaptureFixture[str], pdu: tuple[int, ...]) -> None:
    assert "never sends such a frame" in said(capsys, framed("rtu", 1, bytes(pdu)).hex())
    assert "绝不发送" in _chinese(capsys, framed("rtu", 1, bytes(pdu)).hex())


def _chinese(capsys: pytest.CaptureFixture[str], written: str) -> str:
    main(["explain", "--lang", "zh", written])
    return capsys.readouterr().out


def test_an_order_to_open_a_door_is_told_as_one_that_is_never_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """KERONG CU16, open door 1 of board 0; from the vectors of the locker languages."""
    text = said(capsys, "02 00 31 03 36")
    assert "ORDER TO OPEN" in text
    assert "opens doors" in text
    assert "kerong_cu16" in text


def test_what_is_no_hexadecimal_is_told_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hello", "--lang", "en"]) == 2
    assert "E2250" in capsys.readouterr().err


def test_the_bytes_can_come_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(ASK.hex(" ")))
    assert "quantity" in said(capsys, "-")


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=40).map(lambda pdu: framed("rtu", 1, pdu)),
        st.binary(max_size=40).map(lambda pdu: framed("tcp", 1, pdu)),
        st.binary(max_size=40).map(lambda said: b":" + said.hex().encode()),
    )
)
def test_no_bytes_are_too_strange(octets: bytes) -> None:
    found = explained(octets)
    for lang in ("en", "zh"):
        assert len(list(blocks(found, lang))) == len(found)  # type: ignore[arg-type]
    json.dumps([as_json(one) for one in found])


def test_a_refusal_is_named_as_the_standard_names_it_and_in_chinese() -> None:
    for code in range(256):
        english, chinese = exception_name(code, "en"), exception_name(code, "zh")
        assert english == EXCEPTIONS.get(code, "UNKNOWN")
        assert not chinese.isascii()


def test_a_frame_of_every_board_language_is_named_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    for name in languages.names():
        speaks = languages.language(name)
        ask = speaks.asks(speaks.addresses[1], speaks.channels)[0]
        assert main(["explain", ask.request(0).hex(), "--lang", "zh"]) == 0
        shown = capsys.readouterr().out
        assert "查询状态" in shown or "查询门" in shown or "读线圈" in shown, shown
        assert not re.search(r"\b(board|boards|read|code)\b", shown), shown
        assert not reason(speaks.boards, "zh").isascii() or name.startswith("kerong")
        assert not reason(speaks.source, "zh").isascii()

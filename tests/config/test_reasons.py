"""What the rooms of the agent give as a reason is said in Chinese, too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import agent
from agent.uplink import resend, thin
from config.messages import reason, text
from config.reasons import in_chinese, templates

DOCS = Path(__file__).parents[2] / "docs"

TOLD = {
    "AddressError",
    "BarredError",
    "BaselineRefusedError",
    "ChildError",
    "CommandError",
    "ConnectionError",
    "ControlError",
    "CredentialError",
    "KeyFormError",
    "LinkError",
    "NotToldError",
    "RefusedError",
    "SpoolLockedError",
    "StockTakeRefusedError",
    "StoreError",
}
"""The errors whose last word reaches people."""


def told_reasons() -> set[str]:
    """The sentences with which those errors are raised, their places open."""
    found = set()
    for path in Path(agent.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TOLD and node.args:
                found.add(sentence(node.args[-1]))
    return {one for one in found if one.replace("{}", "").strip(": ")}


def sentence(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_reason_has_a_chinese() -> None:
    open_places = {one: one.replace("{}", "7") for one in told_reasons()}
    assert len(open_places) > 60
    assert {one for one, said in open_places.items() if in_chinese(said) == said} == set()


@pytest.mark.parametrize(
    "why", [resend.NOT_KEPT, resend.LOST, resend.NOT_TAKEN, resend.NOT_HERE, thin.TOO_LARGE, thin.FULL]
)
def test_why_a_message_is_gone_has_a_chinese_and_stands_in_the_manual(why: str) -> None:
    assert reason(why, "zh") != why
    for page in ("bureau.md", "bureau.zh-CN.md"):
        assert f"`{why}`" in (DOCS / page).read_text("utf-8")


@pytest.mark.parametrize("why", [resend.UNREAD, resend.OTHER_RUN, resend.NOT_BEGUN])
def test_why_messages_cannot_be_given_up_has_a_chinese_and_stands_in_the_manual(why: str) -> None:
    assert not reason(why, "zh").isascii()
    for page in ("bureau.md", "bureau.zh-CN.md"):
        assert f"`{why}`" in (DOCS / page).read_text("utf-8")


def test_every_chinese_has_the_places_of_its_english() -> None:
    for english in templates():
        filled = english
        for number in range(english.count("{}")):
            filled = filled.replace("{}", f"x{number}y", 1)
        for number in range(english.count("{}")):
            assert f"x{number}y" in in_chinese(filled), english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Permission denied", "没有权限"),
        ("connection refused", "连接被拒绝"),
        (
            'connection failed: connection to server at "127.0.0.1", port 1 failed: FATAL:  role "a" does not exist',
            '连接失败：服务器 "127.0.0.1" 端口 1：数据库用户 "a" 不存在',
        ),
        (
            'connection failed: connection to server at "127.0.0.1", port 5432 failed: Connection refused',
            '连接失败：服务器 "127.0.0.1" 端口 5432：连接被拒绝',
        ),
        ("/run/a b.sock: Permission denied", "/run/a b.sock：没有权限"),
        ("the broker's certificate is refused: certificate has expired", "消息服务器证书未通过校验：证书已过期"),
        ("`mode` is one of peak, normal", "`mode` 只能是 peak, normal 之一"),
        ("tunnel-1: heard", "tunnel-1: heard"),
        ("", ""),
        (": " * 2000, ": " * 2000),
    ],
)
def test_a_reason_is_said_in_chinese_and_what_is_none_stays(english: str, chinese: str) -> None:
    assert reason(english, "zh") == chinese
    assert reason(english, "en") == english


def test_a_reason_within_a_message_is_in_the_language_of_the_message() -> None:
    said = text("E2763", "zh", file="/var/a.log", reason="Permission denied")
    assert said.seen == "无法读取 /var/a.log：没有权限"

"""The span scanner and the tree reader are held against tomllib."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config import document, spans
from config.document import Node
from config.faults import Ledger, Source

BARE = st.text("abcxyz019-_", min_size=1, max_size=4)
QUOTED = st.text("ab .#=\"'\\北线\t[]{}", max_size=5).map(
    lambda name: '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
LITERAL = st.text('ab .#="\\北线[]{}', max_size=5).map(lambda name: f"'{name}'")
KEY = st.one_of(BARE, BARE, QUOTED, LITERAL)
DOTTED = st.lists(KEY, min_size=1, max_size=3).map(" . ".join) | KEY
SPACE = st.sampled_from(["", " ", "\t", "  "])
GAP = st.sampled_from(["", " ", "\n", '\n# a [comment] = "\n', "\n\t"])
COMMENT = st.sampled_from(["", " # x = 1", "# 全角 ， “”"])
SCALAR = st.one_of(
    st.sampled_from(
        ["true", "false", "0", "-17", "+3", "0xDEAD_beef", "0o17", "0b101", "1_000", "1.5", "-2e3", "inf", "-0.0"]
    ),
    st.sampled_from(["1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.25+08:00"]),
    st.sampled_from(
        ['"""\nab "" c"""', '"""x\\\n   y"""""', "'''a\n''b'''", "''''quoted''''", '"\\u5317\\t\\""', "''", '""']
    ),
    QUOTED,
    LITERAL,
)


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    array = st.lists(st.tuples(GAP, inner, GAP), max_size=4).map(
        lambda all_: "[" + ",".join("".join(one) for one in all_) + "]"
    )
    trailing = st.lists(inner, min_size=1, max_size=3).map(lambda all_: "[\n" + ",\n".join(all_) + ",\n]")
    table = st.lists(st.tuples(DOTTED, SPACE, inner), max_size=3).map(
        lambda all_: "{" + ", ".join(f"{key}{space}={space}{value}" for key, space, value in all_) + "}"
    )
    return array | trailing | table


VALUE = st.recursive(SCALAR, containers, max_leaves=6)
PAIR = st.tuples(DOTTED, SPACE, VALUE, COMMENT).map(
    lambda parts: f"{parts[0]}{parts[1]}={parts[1]}{parts[2]}{parts[3]}"
)
HEADER = st.tuples(DOTTED, COMMENT).map(lambda parts: f"[{parts[0]}]{parts[1]}")
TABLES = st.tuples(DOTTED, COMMENT).map(lambda parts: f"[[ {parts[0]} ]]{parts[1]}")
DOCUMENT = st.lists(st.one_of(PAIR, PAIR, PAIR, HEADER, TABLES, st.just(""), COMMENT), max_size=10).map("\n".join)


def read(text: str) -> tuple[Node, Ledger]:
    ledger = Ledger()
    return document.read(Source.of("x.toml", text), text, ledger), ledger


def accepted(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def has_foreign_bare_key(text: str) -> bool:
    """Chinese bare keys are read on purpose, so that they can be explained; tomllib refuses them."""
    return any(key.bare and not key.name.isascii() for statement in spans.scan(text) for key in statement.keys)


def assert_every_place_is_true(node: Node) -> None:
    inner = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    for one in inner:
        assert_every_place_is_true(one)
    if node.origin == "value" and not isinstance(node.value, dict):
        assert tomllib.loads("v = " + node.place.text)["v"] == node.plain()


@given(DOCUMENT)
@settings(max_examples=150, deadline=None)
@example("[a]\nb.c = 1\n[a.d]\nb.c = 2\n[[e]]\nf=1\n[e.g]\n[[e]]\n")
@example("a = { b.c = 1, b.d = [ { e = 2 } ] }")
def test_every_document_reads_like_tomllib_reads_it_and_every_value_stands_at_its_place(text: str) -> None:
    root, ledger = read(text)
    expected = accepted(text)
    if expected is None:
        assert ledger.faults
    else:
        assert not ledger.faults
        assert root.plain() == expected
        assert_every_place_is_true(root)


@given(
    DOCUMENT,
    st.integers(0, 10_000),
    st.sampled_from([*list("\"'[]{}=,.#\n\\0a_ \t\r\x00\x7f，“北"), '"""', "'''", "]]", "1 "]),
    st.booleans(),
)
@settings(max_examples=250, deadline=None)
def test_a_damaged_document_is_refused_exactly_when_tomllib_refuses_it(
    text: str, where: int, what: str, cut: bool
) -> None:
    at = where % (len(text) + 1)
    # Line ends are LF once a file is decoded (config.lint), as tomllib makes them.
    damaged = (text[:at] + ("" if cut else what) + text[at + cut :]).replace("\r\n", "\n")
    root, ledger = read(damaged)
    if has_foreign_bare_key(damaged):
        return
    expected = accepted(damaged)
    assert bool(ledger.faults) == (expected is None)
    if expected is not None:
        assert root.plain() == expected


@given(st.text("ab=.,'\"[]{}#\n 01x\\“，北", max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_scanned_in_statements_that_follow_one_another(text: str) -> None:
    at = 0
    for statement in spans.scan(text):
        first = statement.keys[0].start if statement.keys else statement.trouble.start if statement.trouble else at
        assert first >= at
        at = first


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('a = "open\nb = 1', "E2105", (1, 5)),
        ("a = [1, 2\nb = 1", "E2110", (1, 5)),
        ('a = [\n "x"\n "y"\n]\nb = 1', "E2115", (3, 2)),
        ("a = [\n 1,\n[table.b]\nb = 1", "E2110", (1, 5)),
        ("a: 1\nb = 1", "E2106", (1, 1)),
        ("a = 1 2\nb = 1", "E2111", (1, 7)),
        ("a =\nb = 1", "E2113", (1, 4)),
        ("= 3\nb = 1", "E2112", (1, 1)),
        ("a = even\nb = 1", "E2109", (1, 5)),
        ("a = [1, yes]\nb = 1", "E2120", (1, 9)),
        ("a = 2020-13-45\nb = 1", "E2104", (1, 5)),
        ("[x\nb = 1", "E2110", (1, 1)),
        ("x = 1\nx = 2\nb = 1", "E2108", (2, 1)),
        ("[x]\n[x]\n[y]\nb = 1", "E2108", (2, 2)),
        ("a = 1 # \x01\nb = 1", "E2114", (1, 9)),
        ("a = " + "[" * 40 + "\nb = 1", "E2107", (1, 21)),
    ],
)
def test_a_broken_line_is_one_located_fault_and_the_next_line_is_read(
    text: str, code: str, place: tuple[int, int]
) -> None:
    root, ledger = read(text)
    assert [(fault.code, (fault.line, fault.column)) for fault in ledger.faults] == [(code, place)]
    assert "b" in keys_of(root)


def keys_of(node: Node) -> set[str]:
    if not isinstance(node.value, dict):
        return set()
    return set(node.value).union(*(keys_of(inner) for inner in node.value.values()), set())

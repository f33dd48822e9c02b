"""JSON as the standard library writes it, of whatever a document can hold; what JSON does not have is refused."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, namedtuple
from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_documents import DOCUMENTS, obvious

from fastpath.json_text import json_text

Pair = namedtuple("Pair", "one two")


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    JAM = "jam"


@given(DOCUMENTS)
def test_it_is_what_the_standard_library_writes(document: object) -> None:
    assert json_text(document) == obvious(document)


@pytest.mark.parametrize(
    "document",
    [
        "".join(map(chr, range(0x250))) + "分拣中心😀\u2028",
        [0, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**400],
        [
            0.0,
            -0.0,
            1.0,
            0.1,
            1e16,
            123456789.125,
            1e-4,
            9.9e-5,
            1e-5,
            1e10,
            -0.5,
            5e-324,
            1.7976931348623157e308,
            -1e-7,
        ],
        {"": None, "a": True, "b": False, "c": [], "d": {}, "e": (), "f": [[{}]]},
        [Pair(1, 2.5), Level.HIGH, True, Word.JAM, {Word.JAM: 1}, Counter("aab"), OrderedDict(b=1, a={})],
    ],
    ids=["every escape", "whole numbers", "numbers", "nothing", "what derives"],
)
def test_the_edges_are_what_the_standard_library_writes(document: object) -> None:
    assert json_text(document) == obvious(document)
    assert json.loads(json_text(document)) == json.loads(json.dumps(document))


@given(st.integers(-(10**17), 10**17), st.integers(0, 7), st.integers(-2, 2))
def test_a_number_of_few_decimals_is_what_the_standard_library_writes(parts: int, decimals: int, beside: int) -> None:
    number = parts / 10**decimals
    for _ in range(abs(beside)):
        number = math.nextafter(number, math.inf if beside > 0 else -math.inf)
    assert json_text(number) == obvious(number)


@pytest.mark.parametrize("beyond", [float("nan"), float("inf"), -float("inf"), "half: \ud800", ["\udfff"]])
def test_what_json_does_not_have_is_a_value_error(beyond: object) -> None:
    with pytest.raises(ValueError):
        json_text({"a": beyond})


@pytest.mark.parametrize("stranger", [object(), b"octets", {1}, {1: "a"}, {None: "a"}])
def test_what_is_no_part_of_a_document_is_a_type_error(stranger: object) -> None:
    with pytest.raises(TypeError):
        json_text([stranger])


def test_a_document_in_itself_ends_in_an_error() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="nested too deep"):
        json_text(circle)

"""What is written again and again is encoded in parts; the text is what encoding all of it at once would give."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.baselines import Baselines, Epoch
from agent.texts import Texts

LEAVES = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
DOCUMENTS = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from('ab"/'), part, max_size=3)
)


@given(st.lists(DOCUMENTS, max_size=6), st.none() | st.integers(0, 3))
def test_a_document_in_parts_says_what_it_says_at_once_whatever_it_was_before(
    documents: list[object], depth: int | None
) -> None:
    texts = Texts()
    for document in documents:
        assert json.loads(texts.of(document, depth)) == document


def test_a_part_that_stays_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[object] = []
    monkeypatch.setattr("agent.texts._encode", lambda part: encoded.append(part) or json.dumps(part))
    texts, calm = Texts(), {"wip": [1, 2]}
    for seq in range(3):
        texts.of({"lines": {"north": dict(calm), "south": [seq]}}, 2)
    assert [part for part in encoded if not isinstance(part, str)] == [calm, [0], [1], [2]]


def test_baselines_with_texts_of_before_are_those_without() -> None:
    texts = Texts()
    for seq in range(3):
        load = {"at": [seq], "site": {}, "lines": {"north": {"wip": [seq // 2]}}}
        kept = Baselines(Epoch(1, "abcdef"), seq, {"a.b": [1, seq]}, load=load)
        assert kept.encode(texts) == kept.encode()
        assert Baselines.decode(kept.encode(texts)) == kept

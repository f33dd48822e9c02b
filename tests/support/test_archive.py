"""The bundle as a file: the same for the same parts, bounded, and there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.support.archive import ALL_BYTES, Part, admitted, bounded, packed, put
from agent.support.gate import Gate

PARTS = st.lists(st.builds(Part, st.text("abc/.", min_size=1, max_size=20), st.none() | st.binary(max_size=200)))


@given(PARTS, st.integers(0, 2**31))
def test_the_same_parts_make_the_same_file(parts: list[Part], at_s: int) -> None:
    assert packed(parts, "bundle", at_s) == packed(parts, "bundle", at_s + 0.5)


@given(st.text(max_size=400), st.integers(10, 200))
def test_of_a_long_log_the_newest_lines_are_kept_and_the_rest_is_told(text: str, most: int) -> None:
    kept = bounded(text, most)
    octets = text.encode("utf-8", "replace")
    assert kept == octets or (kept.startswith(b"[") and octets.endswith(kept.partition(b"\n")[2]))
    assert len(kept) <= most + 50


def test_there_is_room_for_so_much_and_what_does_not_fit_is_named() -> None:
    parts = [Part(str(number), b"x" * (1 << 20)) for number in range(8)]
    chosen = admitted(parts, Gate())
    assert sum(len(part.octets or b"") for part in chosen) <= ALL_BYTES
    assert [part.reason for part in chosen if part.octets is None] == ["no room for it"] * 2


def test_a_part_with_a_code_in_it_after_all_is_held_back() -> None:
    chosen = admitted(
        [Part("a", b"SF1234567890123"), Part("b", b"fine"), Part("c", b"so hunter2")], Gate(frozenset({"hunter2"}))
    )
    assert [part.octets for part in chosen] == [None, b"fine", None]


def test_a_memory_stick_that_knows_no_links_takes_a_bundle_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    put(tmp_path / "one", b"first", force=False)
    with pytest.raises(FileExistsError):
        put(tmp_path / "one", b"second", force=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("one", b"first")]

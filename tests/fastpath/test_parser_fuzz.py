"""Whatever the bytes, no compiled parser reads or writes out of place: AddressSanitizer and UBSan look on."""

from __future__ import annotations

import parser_fuzz
import pytest
import sanitizer
from fault_matrix import Figure

pytestmark = pytest.mark.skipif(sanitizer.runtime() is None, reason="gcc with libasan is not here")


@pytest.mark.fault("M5")
def test_the_sanitizers_find_nothing_in_any_compiled_parser(thorough: bool, figure: Figure) -> None:
    found = parser_fuzz.campaign(1_000_000 if thorough else 3000, 1)
    figure(cases_a_parser=found["cases"], crashes=len(found["crashes"]))
    assert found["crashes"] == {}
    assert set(sanitizer.PARSERS) == {source.stem for source in sanitizer.FASTPATH.glob("*.pyx")}
    assert found["wrong"] == dict.fromkeys(sanitizer.PARSERS, 0)


@pytest.mark.fault("M5")
def test_a_parser_that_reads_beyond_the_end_is_found_out() -> None:
    found = parser_fuzz.campaign(100, 1, ["checksum"], parser_fuzz.BEYOND_THE_END)
    assert list(found["crashes"]) == ["checksum"]
    assert "heap-buffer-overflow" in found["crashes"]["checksum"]

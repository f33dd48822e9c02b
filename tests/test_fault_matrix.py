"""The fault matrix is whole: every row has a test, every test a row, and the pages tell of just these."""

from __future__ import annotations

import fault_matrix
import pytest
from fault_matrix import LANGUAGES, Language


def test_every_row_of_the_fault_matrix_has_a_test_or_a_reason_and_every_such_test_a_row() -> None:
    rows, untried = fault_matrix.catalogue(), fault_matrix.untried()
    assert set(fault_matrix.tests_by_row()) == set(rows) - set(untried)
    assert {row[0] for row in rows} <= set(fault_matrix.GROUPS.values())
    assert {len(texts) for row, texts in rows.items() if row not in untried} == {4}
    assert {len(rows[row]) for row in untried} == {6}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.page.name)
def test_the_page_of_faults_tells_of_the_tests_that_there_are(language: Language) -> None:
    there = {(row, fault_matrix.sentence(test)) for row, tests in fault_matrix.tests_by_row().items() for test in tests}
    there |= {(row, "") for row in fault_matrix.untried()}
    assert fault_matrix.told(language.page.read_text(encoding="utf-8")) == there, "./dev faults --write"


def test_figures_of_several_parameters_are_told_from_least_to_greatest() -> None:
    noted = [
        {"rows": ["B2", "B3"], "test": "test_a", "outcome": "passed", "figures": {"wrong_values": 0, "seen": seen}}
        for seen in (5000, 70)
    ]
    rows = fault_matrix.by_row(noted)
    assert list(rows) == ["B2", "B3"]
    assert rows["B2"][0].measured == "wrong_values 0, seen 70 to 5,000"


def test_a_row_with_a_test_that_failed_for_one_parameter_is_no_row_that_holds() -> None:
    noted = [{"rows": ["B1"], "test": "test_a", "outcome": one, "figures": {}} for one in ("passed", "failed")]
    assert fault_matrix.by_row(noted)["B1"][0].outcome == "failed"

"""`hubpulse --help` and what it promises of every verb."""

from __future__ import annotations

import pytest

from agent.__main__ import VERBS, main


def test_the_chinese_of_every_verb_stands_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    rows = [row for row in capsys.readouterr().out.splitlines() if " · " in row]
    assert len(rows) == len(VERBS)
    assert len({row.index("·") for row in rows}) == 1

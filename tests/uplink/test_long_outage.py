"""An outage without end: the card's bound holds, what goes is counted, what stays is drained, the books are exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from uplink_rig import Rig

from agent.clock import boot_seconds

A_COMMIT = 100


@pytest.mark.fault("N5")
def test_a_long_outage_is_kept_within_the_bound_and_drained_with_exact_books(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    messages = 60_000 if thorough else 8000
    broker = Broker(tmp_path / "broker")
    with Rig(tmp_path, broker.port) as rig:
        for _ in range(messages // A_COMMIT):
            rig.commit(A_COMMIT, pad=40)
        on_card = sum(file.stat().st_size for file in (tmp_path / "spool").iterdir())
        assert on_card <= 16 << 20
        with broker:
            began_s = boot_seconds()
            assert rig.drained(300)
            drained_s = boot_seconds() - began_s
        books = rig.spool.books()
    assert (books.written, books.held, books.residual) == (messages, 0, 0)
    assert books.acked + books.dropped == messages
    figure(messages=messages, dropped=books.dropped, drained_s=drained_s, residual=books.residual)

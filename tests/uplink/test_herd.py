"""Ten thousand agents come back after an outage: by their own back-off they spread out, whoever serves them."""

from __future__ import annotations

import heapq
from collections import Counter
from random import Random

import pytest
from fault_matrix import Figure

from agent.uplink.backoff import Backoff, Uniform

AGENTS, HANDSHAKES_PER_S = 10_000, 200


def back(uniform: Uniform, seed: int) -> tuple[float, int]:
    """When 99 % are connected again, and the most attempts in one second once the first half minute is over."""
    backoffs = [Backoff(uniform) for _ in range(AGENTS)]
    random = Random(seed)
    due = [(random.uniform(0.0, 1.0), number) for number in range(AGENTS)]
    heapq.heapify(due)
    served: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    connected = 0
    while connected < 0.99 * AGENTS:
        at_s, number = heapq.heappop(due)
        second = int(at_s)
        tried[second] += 1
        if served[second] < HANDSHAKES_PER_S:
            served[second] += 1
            connected += 1
        else:
            heapq.heappush(due, (at_s + 0.1 + backoffs[number].delay_s(), number))
    return at_s, max(count for second, count in tried.items() if second >= 30)


@pytest.mark.fault("N6")
def test_ten_thousand_agents_are_back_within_two_minutes_and_never_come_all_at_once(figure: Figure) -> None:
    back_s, peak_per_s = back(Random(1).uniform, 1)
    figure(agents=AGENTS, back_99_s=back_s, peak_per_s_after_30_s=peak_per_s)
    assert back_s <= 120
    assert peak_per_s <= 500


def test_without_jitter_they_would_come_in_waves() -> None:
    back_s, peak_per_s = back(lambda _low_s, high_s: high_s, 1)
    assert back_s > 600
    assert peak_per_s > 2000

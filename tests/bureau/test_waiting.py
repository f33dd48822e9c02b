"""What waits to be kept never exceeds its bounds, comes out as it went in, and nothing of it is dropped."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from agent.bureau.reception import Received
from agent.bureau.waiting import Waiting

MOST, MOST_BYTES = 4, 100


def received(number: int, size_bytes: int) -> Received:
    return Received("", bytes(size_bytes), number, 1)


@given(st.lists(st.one_of(st.integers(0, 150), st.just("take")), max_size=40))
def test_it_holds_what_it_may_and_refuses_the_rest(steps: list[int | str]) -> None:
    waiting, model, taken, put = Waiting(MOST, MOST_BYTES), list[Received](), list[int](), list[int]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            one = received(number, step)
            held = sum(len(other.payload) for other in model)
            has_room = not model or (len(model) < MOST and held + step <= MOST_BYTES)
            assert waiting.put(one, 0.0) == has_room
            if has_room:
                model.append(one)
                put.append(number)
        else:
            found = waiting.take(2, 60, 0.0)
            assert found == model[: len(found)]
            assert bool(found) == bool(model)
            assert len(found) <= 2
            assert sum(len(other.payload) for other in found[:-1]) < 60
            del model[: len(found)]
            taken += [other.packet for other in found]
        assert waiting.bytes == sum(len(other.payload) for other in model)
    assert taken + [other.packet for other in model] == put


def test_who_puts_waits_for_room_and_who_takes_for_something() -> None:
    waiting, found = Waiting(1, MOST_BYTES), list[int]()

    def take_all() -> None:
        while batch := waiting.take(10, 1000, 20.0):
            found.extend(one.packet for one in batch)

    taker = threading.Thread(target=take_all)
    taker.start()
    assert all(waiting.put(received(number, 90), 20.0) for number in range(200))
    waiting.wake()
    taker.join(60)
    assert found == list(range(200))

"""Directed histories of counting: the product keeps every promise in each, and every classic mistake breaks one."""

from __future__ import annotations

from collections.abc import Callable

from counting_model import NAME, World


def a_reset_at_full_belt(build: Callable[..., World]) -> None:
    world = build(raw=40_000)
    world.poll()
    world.work(1.0, 10)
    world.device.reset()
    world.work(1.0, 7)
    for _ in range(3):
        world.poll()
        world.work(1.0, 5)
    assert world.agent.meter.total < 100
    world.settle()


def a_reset_hidden_by_a_silence(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.work(60.0, 900)
    world.device.reset()
    world.work(60.0, 600)
    world.poll()
    world.settle()


def a_silence_longer_than_a_turn(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    for _ in range(10):
        world.work(3600.0, 40_000)
    for _ in range(2):
        world.poll()
        world.work(1.0, 3)
    world.settle()


def a_wall_clock_that_steps(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.clock.wrong_s, world.clock.quality = -1.7e9, "none"
    world.work(10.0, 150)
    world.poll()
    assert world.agent.meter.total == 150
    world.clock.wrong_s = 86_400.0
    world.work(1.0, 10)
    assert [event.kind for event in world.poll(raw=60_000)] == ["garbage"]
    world.settle()


def a_restart_between_scans(build: Callable[..., World]) -> None:
    world = build()
    world.scan(30)
    world.commit()
    world.publish()
    world.crash()
    world.scan(20)
    world.commit()
    world.publish()
    world.settle()
    assert world.totals.events("scans") == 50


def a_card_that_forgets_an_epoch(build: Callable[..., World]) -> None:
    world = build()
    world.commit()
    world.crash()
    world.scan(30)
    world.commit()
    world.publish()
    while world.network:
        world.deliver()
    world.lie(3)
    world.scan(20)
    world.commit()
    world.publish()
    world.settle()
    assert world.totals.events("scans") == 50


def a_power_cut_in_a_commit(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.work(1.0, 10)
    world.poll()
    world.scan(5)
    world.commit(power_cut=True)
    world.publish()
    while world.network:
        world.deliver()
    world.crash()
    world.settle()


def a_power_cut_before_a_commit(build: Callable[..., World]) -> None:
    world = build()
    world.scan(5)
    world.commit()
    world.scan(7)
    world.publish()
    while world.network:
        world.deliver()
    world.crash()
    world.settle()


def messages_lost_repeated_and_late(build: Callable[..., World]) -> None:
    world = build(raw=100)
    for _ in range(6):
        world.poll()
        world.scan(4)
        world.commit()
        world.work(1.0, 10)
    world.publish()
    world.publish()
    world.lose(2)
    while world.network:
        world.deliver(len(world.network) // 2)
    world.settle()
    assert world.totals.counted(NAME).total == 50


def a_stale_epoch_with_the_greater_number(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.crash()
    for _ in range(3):
        world.work(5.0, 20)
        world.poll()
        world.commit()
    world.publish()
    while world.network:
        world.deliver()
    world.lie(4)  # the number of the epoch comes again, and its sequence begins at 1
    world.work(5.0, 90)
    world.poll()
    world.poll()
    world.settle()
    assert world.totals.counted(NAME).total == world.agent.meter.total == 150


def a_replacement_that_the_card_forgot(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    for raw in (30_000, 45_000):
        world.device.raw = raw
        for _ in range(3):
            world.work(1.0, 5)
            world.poll()
        world.commit()
        world.publish()
        while world.network:
            world.deliver()
        if raw == 30_000:
            world.lie(1)
            world.clock.true_s += 1.0
            world.clock.boot -= 1  # not long away: the same boot, so that the silence is known
            world.clock.booted_s = 1_800_000_000.0 - 100.0
    world.settle()


HISTORIES = [
    a_reset_at_full_belt,
    a_reset_hidden_by_a_silence,
    a_silence_longer_than_a_turn,
    a_wall_clock_that_steps,
    a_restart_between_scans,
    a_card_that_forgets_an_epoch,
    a_power_cut_in_a_commit,
    a_power_cut_before_a_commit,
    messages_lost_repeated_and_late,
    a_stale_epoch_with_the_greater_number,
    a_replacement_that_the_card_forgot,
]

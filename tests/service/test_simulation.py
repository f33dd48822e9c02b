"""The simulated site: one seed is one history, the product keeps its promises in it, known mistakes do not."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from random import Random
from unittest.mock import patch

import pytest
import simulated_histories
import simulated_network
import simulation
from counting_mistakes import NegativeDelta, ResetAsWrap
from disk_model import ModelDisk
from fault_matrix import Figure
from simulated_site import READS, SITE, Life, World, seeded
from simulation import Simulation, simulate

from agent import counters
from agent.baselines import Baselines
from agent.uplink.contract import Message
from agent.uplink.inbox import Command
from agent.uplink.lanes import Lanes
from agent.uplink.outsized import Outsized
from agent.uplink.resend import NOT_HERE
from agent.uplink.status import UplinkStatus


@pytest.fixture(autouse=True)
def _silent_log() -> Iterator[None]:
    logger = logging.getLogger("hubpulse")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.mark.fault("N7", "N8", "C2")
def test_a_simulated_site_keeps_every_promise_through_every_fault(thorough: bool, figure: Figure) -> None:
    played = simulate(11, 5.0 if thorough else 0.4)
    assert played.broken == ""
    figure(simulated_days=played.days, faults=sum(played.faults.values()), **played.figures)


def test_the_same_seed_makes_the_same_trace_and_another_seed_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "HEAL_S", 0.0)
    assert simulate(11, 0.2).trace == simulate(11, 0.2).trace != simulate(12, 0.2).trace


def test_the_copy_of_a_card_does_not_follow_the_card() -> None:
    """Else a power cut after it was put in would bring back what another history wrote."""
    random = Random(5)
    world = World.new(random)
    with seeded(world):
        played = Simulation(random, world)
        played.old_card()
        copy = played._backup
        played.step()
    assert copy is not None
    assert copy.base == copy.now != world.disk.now


def at_the_broker(spool: Lanes, epoch: str, by_receipt: bool) -> Lanes:
    """Messages leave the spool when the broker acknowledges them, though the bureau gives receipts."""
    return Lanes(spool, epoch=epoch, by_receipt=False)  # type: ignore[arg-type]


MISTAKES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "a reset taken for a wrap": lambda: patch.object(counters, "Meter", ResetAsWrap),
    "negative differences": lambda: patch.object(counters, "Meter", NegativeDelta),
    "freed when the broker acknowledges": lambda: patch.object(simulated_network, "Lanes", at_the_broker),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_site_with_a_known_mistake_breaks_a_promise(mistake: str) -> None:
    with MISTAKES[mistake]():
        assert simulate(2, 10.0).broken != ""


def test_a_broken_promise_is_told_with_the_line_that_plays_the_same_history_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["./dev simulate", *words])
        assert simulated_histories.main() == 1
        return [line.strip() for line in capsys.readouterr().out.splitlines() if "BROKEN" in line or "again" in line]

    with MISTAKES["negative differences"]():
        broken, again = told("--seed", "5", "--days", "1")
        assert broken.startswith("BROKEN on day")
        assert told(*again.removeprefix("again: ./dev simulate ").split()) == [broken, again]


@pytest.mark.fault("N16")
def test_what_a_dead_card_held_is_gone_and_is_not_asked_of_the_new_one_for_ever() -> None:
    random = Random(5)
    world = World.new(random)
    with seeded(world):
        played = Simulation(random, world)
        for _ in range(3):
            play(played, 10)
            played.kill()
        play(played, 10)
        played.network.listening = False
        play(played, 30)
        played.network.wipe()
        played.network.listening = True
        play(played, 1)
        played.new_card()
        assert played.life.epoch.number == 1
        played.settle()
        reasons = {one.reason for _, one in played.network.store.gone()}
    assert NOT_HERE in reasons


class Quota(ModelDisk):
    """It refuses, and does not tell before that there is no room: nothing can be thinned in time."""

    def free_bytes(self) -> int:
        return 1 << 40


def test_what_runs_counted_of_which_the_spool_has_nothing_more_is_told_by_a_later_run() -> None:
    """The disk's quota is used up while the broker is away, and the machine begins anew again and again: of the runs in
    the middle the spool drops every message, also those that tell how the run before ended."""
    random = Random(3)
    world = World.new(random)
    with seeded(world), patch.object(simulation, "HEAL_S", 4 * 3600.0):
        world.disk = Quota(capacity_bytes=3 << 17)
        played = Simulation(random, world)
        play(played, 30)
        played.network.reachable = False
        epochs = list[str]()
        for _ in range(6):
            played.kill()
            epochs.append(str(played.life.epoch))
            play(played, 120)
        assert len(Baselines.decode(played.life.spool.state).untold) == 6
        played.network.reachable = True
        played.settle()
        gone = {one.epoch for _, one in played.network.store.gone()}
        assert gone >= set(epochs[:3]), "the spool had room for all: this shows nothing"
        assert set(played.network.store.watermarks()[SITE]) >= set(epochs)
        assert Baselines.decode(played.life.spool.state).untold == ()


def test_what_a_run_counted_is_told_though_its_card_could_be_read_only_after_the_next_start() -> None:
    random = Random(3)
    world = World.new(random)
    with seeded(world):
        played = Simulation(random, world)
        play(played, 33)
        ended, counted = str(played.life.epoch), played.life.scans.kept
        assert counted > played.life.scans.reported, "a report has told it already: this shows nothing"
        world.disk.fault = lambda _kind, _at: simulation.EIO
        played.kill()
        assert played.life.past.epoch is None
        play(played, 5)
        world.disk.fault = lambda _kind, _at: 0
        play(played, 60)
        assert played.network.store.missing() == []
        scans = played.network.store.events()[SITE][READS]
        metas = [json.loads(one) for one in played.network.payloads() if '"prev":{' in one]
        assert [(one["prev"]["epoch"], one["prev"]["events"]) for one in metas] == [(ended, {READS: counted})]
    assert scans == counted + played.life.scans.reported


def play(played: Simulation, minutes: int) -> None:
    for _ in range(minutes):
        played.step()


def test_a_site_tells_for_how_long_its_spool_lasts_and_what_its_card_is_made_to_write() -> None:
    random = Random(5)
    world = World.new(random)
    with seeded(world):
        played = Simulation(random, world)
        play(played, 5)
        said = [Message.decode(record) for _, record in played.life.spool.read(0, 1 << 20, 1 << 30)]
    told = [json.loads(one.payload)["spool"] for one in said if one.tail == "health"]
    assert told[-1]["hours_left"] > 0
    assert told[-1]["card_mb_a_day"] > 0


class Talkative:
    """An uplink that has a great deal to say on what the bureau asked for again."""

    is_heard = False

    def __init__(self) -> None:
        self.outsized = Outsized()

    def wake(self) -> None: ...

    def take_commands(self) -> list[Command]:
        return []

    def take_answers(self) -> list[dict[str, object]]:
        gone = [[seq, seq, "no longer kept"] for seq in range(1, 900)]
        return [{"cmd": "resend", "of": "1-abcdef", "from": 1, "to": 900, "sent": 0, "gone": gone} for _ in range(9)]

    def status(self) -> UplinkStatus:
        return UplinkStatus(False, 0.0, None, "", 0, 0, 0, 0, (), 0, False, False, 0)

    def go_on(self, now_s: float) -> None: ...


def test_more_than_one_commit_can_carry_is_told_in_several() -> None:
    world = World.new(Random(1))
    with seeded(world):
        life = Life(world, lambda _: Talkative())
        before = life.spool.next_position
        life.tick(world.clock.now())
        assert life.spool.next_position > before + 9
        assert life.spool.books().residual == 0

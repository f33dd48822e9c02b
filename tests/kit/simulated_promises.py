"""The promises I1 to I16 of the design's fault list, held against the truth of a simulated world after each beat."""

from __future__ import annotations

import hashlib
import re
from random import Random
from typing import Any

from simulated_network import Network, identity_of
from simulated_site import READS, SITE, Life, World

from agent.baselines import Baselines
from agent.bureau.totals import Totals
from agent.load.meter import Meter
from agent.load.reckoning import Reckoning
from agent.uplink.contract import Message
from config.device_settings import CounterRef

LOOKED_AT_BEATS = 30
_EVENTS = re.compile(rb'"%s":(\d+)' % READS.encode())
"""Beats between looks at what the bureau holds, which costs more than a beat."""

Place = tuple[CounterRef, int]
"""A counter and one of its bases."""


class Promises:
    """Every broken promise is an AssertionError that names it."""

    def __init__(self, world: World, network: Network) -> None:
        self._world, self._network = world, network
        self._held = self._lives = self._beats = 0
        self._origin: dict[Place, int] = {}  # the truth when a base began
        self._truth: dict[Place, int] = {}  # of a base, at its last accepted sample
        self._contents: dict[tuple[str, int], bytes] = {}
        self._durable: dict[int, tuple[str, int]] = {}  # by position what a power cut must not take
        self._fresh: dict[int, tuple[str, int]] = {}  # by position what is not durable yet
        self._freed = 0
        self._unpromised = 0
        self._dropped = 0
        self._epochs: set[str] = set()
        self._received: dict[str, Reckoning] = {}
        self._events = 0
        self._committed: dict[str, int] = {}
        self._certain: dict[str, int] = {}
        self._states: dict[CounterRef, tuple[Any, list[object]]] = {}
        self._seen = 0
        self._forgiven = False

    def figures(self) -> dict[str, int]:
        """What was looked at."""
        taken, network = self._network.taken, self._network
        return {
            "beats": self._beats,
            "lives": self._lives,
            "promises_held": self._held,
            "parcels": sum(counter.truth for counter in self._world.counters.values()),
            "messages_kept": taken,
            "messages_repeated": network.repeated,
            "messages_dropped_at_the_bound": self._dropped,
            "connections": network.connections,
        }

    def _hold(self, is_kept: bool, number: str, what: str) -> None:
        self._held += 1
        assert is_kept, f"{number}: {what}"

    # --- lives ---

    def began(self, life: Life) -> None:
        """A process begins, after whatever."""
        self._lives += 1
        epoch = str(life.epoch)
        self._hold(epoch not in self._epochs, "I5, I14", f"epoch {epoch} a second time")
        self._epochs.add(epoch)
        self._hold_the_fold(life)
        self._hold_the_durable(life)
        self._seen = min(life.found_end, life.spool.next_position)
        self._freed = life.spool.acked
        self._unpromised = _gone(life)
        self._states = {}
        self._fresh.clear()

    def _hold_the_fold(self, life: Life) -> None:
        """I7: the state found is that of the last message found."""
        end = life.found_end
        found = life.spool.read(end - 1, 1, 1 << 20) if end else []
        if found and found[0][0] == end - 1:
            epoch, seq = identity_of(Message.decode(found[0][1]).payload)
            past: Baselines = life.past
            self._hold((str(past.epoch), past.seq) == (epoch, seq), "I7", f"state of {past.seq}, last message {seq}")

    def _hold_the_durable(self, life: Life) -> None:
        """I8: what was durable is there."""
        due = {at: identity for at, identity in self._durable.items() if at >= life.spool.acked}
        if not due:
            return
        found = dict(life.spool.read(min(due), 1 << 20, 1 << 30))
        lost = [at for at, who in due.items() if at not in found or _named(found[at]) != who]
        self._hold(not lost, "I8", f"durable and lost: {lost[:5]}")

    def forget(self) -> None:
        """The card has lied or is another one: what was durable on it need not be there."""
        self._durable.clear()
        self._certain.clear()
        self._dropped = 0
        self._forgiven = True

    # --- beats ---

    def before(self, life: Life) -> None:
        """A beat is about to be."""
        self._states = {ref: (meter.refused_s, meter.state()) for ref, meter in life.meters.items()}

    def hold(self, life: Life) -> None:
        """After a beat."""
        self._beats += 1
        for ref, meter in life.meters.items():
            self._hold_counter(ref, meter)
        self._hold_spool(life)
        if self._beats % LOOKED_AT_BEATS == 0:
            self._hold_received()

    def _hold_counter(self, ref: CounterRef, meter: Meter) -> None:
        refused_s, state = self._states.get(ref, (None, None))
        if meter.refused_s is not None and meter.refused_s != refused_s:
            self._hold(meter.state() == state, "I13", f"a refused sample of {ref} changed what is known")
        if not meter.base or meter.state() == state:
            return
        place, truth = (ref, meter.base), self._world.counters[ref].truth
        self._truth[place] = counted = truth - self._origin.setdefault(place, truth)
        is_true = meter.lo <= counted and (meter.hi is None or counted <= meter.hi)
        self._hold(is_true, "I1", f"{ref}: {counted} is not in [{meter.lo}, {meter.hi}]")

    def _hold_spool(self, life: Life) -> None:
        spool, books = life.spool, life.spool.books()
        self._hold(books.residual == 0, "I9", f"{books}")
        for at, record in spool.read(self._seen, 1 << 20, 1 << 30) if self._seen < spool.next_position else ():
            self._note(at, record)
        self._seen = spool.next_position
        if spool.condition.place == "disk":
            self._hold(books.dropped >= self._dropped, "I10", f"{self._dropped} were dropped, now {books.dropped}")
            self._dropped = books.dropped
            self._durable.update(self._fresh)
            self._fresh.clear()
            self._certain[str(life.epoch)] = max(life.scans.reported, _events_in(spool.state))
        self._committed[str(life.epoch)] = max(life.scans.reported, life.scans.kept)
        self._hold_freed(life)

    def _note(self, at: int, record: bytes) -> None:
        who, content = _named(record), hashlib.sha256(record).digest()[:8]
        self._hold(self._contents.setdefault(who, content) == content, "I5", f"{who} with two contents")
        self._fresh[at] = who

    def _hold_freed(self, life: Life) -> None:
        """I15: what left the spool is at or below the bureau's watermark, or in the books as dropped or corrupt."""
        acked, gone = life.spool.acked, _gone(life)
        if acked <= self._freed:
            return
        marks = self._network.store.watermarks().get(SITE, {})
        freed = [self._durable.pop(at, None) or self._fresh.pop(at, None) for at in range(self._freed, acked)]
        early = [who for who in freed if who is not None and who[1] > marks.get(who[0], 0)]
        self._hold(len(early) <= gone - self._unpromised, "I15", f"freed before it was received: {early[:3]}")
        self._freed, self._unpromised = acked, gone

    def _hold_received(self) -> None:
        """I1, I2, I3 at the bureau."""
        store = self._network.store
        totals = store.totals().get(SITE, {})
        for counter, before in self._received.items():
            now = totals[counter]
            self._hold(now.lo >= before.lo and now.total >= before.total, "I2", f"{counter} fell to {now}")
        self._received = totals
        events = sum(store.events().get(SITE, {}).values())
        self._hold(events >= self._events, "I2", f"events fell from {self._events} to {events}")
        self._hold(events <= sum(self._committed.values()), "I3", f"{events} events, fewer were committed")
        self._events = events

    # --- the end ---

    def settled(self, life: Life) -> None:
        """All is healed and drained: bureau and agent agree, in any order, and nothing is missing unexplained."""
        self._hold_received()
        store = self._network.store
        self._hold(store.conflicts() == [], "I5", f"conflicts {store.conflicts()[:3]}")
        self._hold(store.missing() == [], "I4", f"gaps that nobody explains: {store.missing()[:3]}")
        self._hold_bases(life)
        if not self._forgiven:
            events = store.events().get(SITE, {})
            self._hold(sum(events.values()) >= sum(self._certain.values()), "I4", "durable events did not arrive")
        self._hold_any_order()

    def _hold_bases(self, life: Life) -> None:
        received = self._network.bases()
        names = {str(ref): ref for ref in life.meters}
        for (counter, base), (lo, hi) in received.items():
            truth = self._truth[names[counter], base]
            self._hold(lo <= truth and (hi is None or truth <= hi), "I1", f"{counter}: {truth} not in [{lo}, {hi}]")
        totals = self._network.store.totals()[SITE]
        for ref, meter in life.meters.items():
            self._hold((str(ref), meter.base) in received, "I16", f"the base of {ref} never came through")
            self._hold(totals[str(ref)].total >= meter.total, "I16", f"{ref}: {totals[str(ref)]}")

    def _hold_any_order(self) -> None:
        payloads = self._network.payloads()
        Random(len(payloads)).shuffle(payloads)
        other = Totals()
        for payload in (*payloads, *payloads[::7]):
            other.merge(payload.encode())
        for counter, total in self._network.store.totals()[SITE].items():
            self._hold(other.counted(counter) == total, "I6", f"{counter} in another order: {other.counted(counter)}")


def _events_in(state: bytes) -> int:
    """What a state says that the agent itself has counted; to decode it each beat would take as long as the rest."""
    found = _EVENTS.search(state)
    return int(found[1]) if found else 0


def _named(record: bytes) -> tuple[str, int]:
    return identity_of(Message.decode(record).payload)


def _gone(life: Life) -> int:
    books = life.spool.books()
    return books.dropped + books.corrupt

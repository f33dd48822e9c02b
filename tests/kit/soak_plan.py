"""What befalls a site in a soak, and when: kills, outages, unplugged wires, a reset, and hardships of the machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from broker import Broker
from hardship import RIGHT, WRONG
from soak_site import Site
from vitals import WARM_S

SERIAL_BUS = "panel"
TUNNEL, READER = "tunnel-north", "reader-south"
RESET_DEVICE = "odd-shapes"
EARLY = 0.35
"""By this part of a long soak the last kill is done; one of the outages has begun."""
HOLE_S = 40.0
WARMED_FROM = 0.39
"""When the first outage is just over."""
WARMING = 3
"""So often packets vanish when the first outage is over, before growth is judged: the first two times take 200 and 130
kB for good, as room for what waits, further ones 8 to 16 (measured, six in a row in an agent of ten minutes, which
fills by as much without them). What each time takes is a leak, and the outage and the hole that are judged show it."""


def plan(
    site: Site, chance: random.Random, seconds: float, *, kills: int, outages: int, wipes: int, holes: int
) -> list[tuple[float, str, Callable[[], None]]]:
    """What happens when: kills anywhere, outages of a tenth of the time, one unplugging, one reset left in peace.

    Where the time is long enough to judge how memory grows, kills of agent and consumer are early: what comes later
    comes to one life of each. The broker keeps nothing over its death: a wipe is its death between an acknowledgement
    and the consumer.
    """
    start_s, twin, broker = time.monotonic(), site.twin, site.broker
    is_judged = (1 - EARLY) * seconds >= WARM_S
    reset_s = 0.5 * seconds
    events: list[tuple[float, str, Callable[[], None]]] = [
        (reset_s, f"reset {RESET_DEVICE}", lambda: twin.ask("reset", device=RESET_DEVICE, clean=True) and None),
        (0.15 * seconds, f"unplug {SERIAL_BUS}", lambda: twin.ask("unplug", bus=SERIAL_BUS) and None),
        (0.22 * seconds, f"plug {SERIAL_BUS}", lambda: twin.ask("plug", bus=SERIAL_BUS) and None),
        (
            0.02 * seconds,
            "garbage",
            lambda: [twin.ask("garbage", scanner=one, share=0.2) for one in (TUNNEL, READER)] and None,
        ),
        (0.30 * seconds, f"unplug {TUNNEL}", lambda: twin.ask("unplug", scanner=TUNNEL) and None),
        (0.34 * seconds, f"plug {TUNNEL}", lambda: twin.ask("plug", scanner=TUNNEL) and None),
        (0.60 * seconds, "burst", lambda: twin.ask("burst", scanner=TUNNEL, parcels=5000) and None),
        (seconds, "end", lambda: None),
    ]
    for n in range(outages):
        down_s = (0.28 + 0.4 * n) * seconds
        events += [(down_s, "broker stopped", broker.stop), (down_s + 0.1 * seconds, "broker back", start(broker))]
    for _ in range(wipes):
        wipe_s = chance.uniform(*(early_wipe(seconds) if is_judged else (0.45, 0.6))) * seconds
        events += [
            (wipe_s - 0.01 * seconds, "consumer killed", site.centre.kill),
            (wipe_s, "broker wiped", wipe(broker)),
        ]
    for _ in range(holes):
        events += hole(site, chance.uniform(0.75, 0.85) * seconds, min(0.1 * seconds, HOLE_S))
    if is_judged:
        events += [one for n in range(WARMING) for one in hole(site, WARMED_FROM * seconds + 3 * HOLE_S * n, HOLE_S)]
    events += hardships(site, chance, seconds)
    last = EARLY if is_judged else 0.95
    for _ in range(kills):
        kill_s = chance.uniform(0.05, last) * seconds
        while abs(kill_s - reset_s) < 5.0:
            kill_s = chance.uniform(0.05, last) * seconds
        events.append((kill_s, "agent killed", site.kill))
    return [(start_s + at_s, name, act) for at_s, name, act in sorted(events, key=lambda event: event[0])]


def early_wipe(seconds: float) -> tuple[float, float]:
    """Between which parts of a long soak the consumer is killed: what warms its last life is over before its growth is
    judged, as far as there is room before the first outage."""
    warmed = WARMED_FROM + (3 * HOLE_S * WARMING - WARM_S) / seconds + 0.01
    return min(max(0.15, warmed), 0.25), 0.26


def hardships(site: Site, chance: random.Random, seconds: float) -> Iterator[tuple[float, str, Callable[[], None]]]:
    """Every wrong clock once, each for a while, in any order; a pause of a minute at most, and a lack of processor."""
    wrong = chance.sample(WRONG, len(WRONG))
    for n, what in enumerate(wrong):
        at_s = (0.05 + 0.14 * n) * seconds
        yield at_s, f"clock {what}", partial(site.wall.say, what)
        yield at_s + 0.09 * seconds, "clock right", partial(site.wall.say, RIGHT)
    yield 0.4 * seconds, "agent paused", partial(site.pause, min(0.08 * seconds, 60.0))
    yield 0.7 * seconds, "agent starved", partial(site.starve, min(0.08 * seconds, 60.0))


def wipe(broker: Broker) -> Callable[[], None]:
    """With -9: it keeps nothing over its death."""

    def act() -> None:
        broker.kill()
        broker.start()

    return act


def hole(site: Site, at_s: float, lasting_s: float) -> list[tuple[float, str, Callable[[], None]]]:
    """What is sent either way arrives nowhere for a while."""
    return [
        (at_s, "packets vanish", swallow(site, True)),
        (at_s + lasting_s, "packets pass", swallow(site, False)),
    ]


def swallow(site: Site, swallowed: bool) -> Callable[[], None]:
    """Whether the packets between agent and broker vanish, while nobody hangs up."""

    def act() -> None:
        site.proxy.black_hole = swallowed

    return act


def start(broker: Broker) -> Callable[[], None]:
    return lambda: broker.start() and None

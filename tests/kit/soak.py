"""A site under faults: broker stopped and wiped, agent and consumer killed, lines unplugged, counters reset, packets
swallowed, clocks wrong, the agent paused and starved; the bureau's totals must be true.

Everything is real: the twin's devices on TCP and a PTY, the agent as a process of its own, mosquitto, a subscriber, and
the reference consumer, whose store is the record: it gives receipts and asks for what is missing.

How memory grows is judged on the longest life of agent and consumer, after a quarter of an hour: of 120 minutes that is
more than an hour of each. Of 60 it is half an hour, in which the 24 kB that CPython may take once for an outage, and
keep, read as more than a megabyte a day.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import folders
from broker import Broker
from soak_centre import Held
from soak_plan import plan
from soak_site import SITE_ID, Site, books, counters_of, records
from traces import files, with_waybills
from vitals import steady

from agent.bureau.subscriber import Subscriber
from agent.load.reckoning import Reckoning
from agent.twin.show import bureau_scans
from agent.uplink.search import named

SETTLE_S = 90.0
LAST_WORD_S = 60.0
"""What the agent said as it ended is on its way to the consumer's store."""
START_S = 60.0
COMPRESSED = ("spool/", "bureau.db")
"""Where compressed or hashed bytes look like anything by chance; what is in them is looked at as it was said."""


@dataclass(frozen=True)
class Difference:
    """A counter whose total is not what its device counted."""

    counter: str
    truth: int
    lost: int
    bureau: Reckoning


@dataclass
class Scans:
    """A line's scans by column, as said and as the bureau knows them. `at_stake` lines were said shortly before a kill.

    Who starts anew has forgotten which codes it has seen: what came round is new to it. So passes are compared.
    """

    truth: dict[str, int]
    bureau: dict[str, int]
    at_stake: int

    @property
    def good(self) -> bool:
        said, known = sum(self.truth.values()), sum(self.bureau.values())
        return said - self.at_stake <= known <= said and passes(self.bureau) <= passes(self.truth)


def passes(columns: Mapping[str, int]) -> int:
    return columns.get("new", 0) + columns.get("recirculated", 0)


@dataclass
class Verdict:
    """What came out. `lost` is what a reset took before any read could see it: no reader can know that."""

    seconds: float
    faults: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    outside: list[Difference] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    scans: dict[str, Scans] = field(default_factory=dict)
    waybills_in: list[str] = field(default_factory=list)
    books: dict[str, int] = field(default_factory=dict)
    wraps: int = 0
    resets: int = 0
    online: bool | None = None
    centre: Held | None = None
    centre_differences: list[Difference] = field(default_factory=list)
    vitals: dict[str, float | None] = field(default_factory=dict)
    centre_vitals: dict[str, float | None] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        counted = bool(self.counters) and not self.differences and not self.outside and self.books["residual"] == 0
        kept = self.centre is not None and self.centre.is_whole and not self.centre_differences
        kept = kept and steady(self.vitals) and steady(self.centre_vitals)
        return counted and kept and all(scans.good for scans in self.scans.values()) and not self.waybills_in


def soak(
    seconds: float,
    seed: int,
    *,
    kills: int = 5,
    outages: int = 2,
    wipes: int = 1,
    holes: int = 1,
    say: Callable[[str], None] = print,
    keep: Path | None = None,
) -> Verdict:
    """Run a site for `seconds` under seeded faults and compare the bureau's totals with the devices' truth.

    Everything happens in a temporary directory, or in `keep`, which stays.
    """
    verdict = Verdict(seconds)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubpulse-soak-")))
        broker = Broker(folder / "broker").start()
        stack.callback(broker.stop)
        site = Site(folder, broker, stack, seed)
        bureau = stack.enter_context(Subscriber("127.0.0.1", broker.port))
        truth = dict.fromkeys(counters_of(site.twin), 0)
        if not bureau.wait_until(lambda: set(bureau.totals(SITE_ID).counters) == set(truth), START_S):
            raise RuntimeError("the agent did not report every counter")
        site.twin.ask("go")
        for at_s, name, act in plan(
            site, random.Random(seed), seconds, kills=kills, outages=outages, wipes=wipes, holes=holes
        ):
            site.wait(at_s)
            say(f"{name}")
            verdict.faults.append(name)
            act()
        site.twin.ask("freeze")
        compare(site, bureau, verdict)
        site.stop()
        bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE_ID).online) is False, START_S)
        verdict.online = bureau.read(lambda view: view.site(SITE_ID).online)
        compare_scans(site, bureau, verdict)
        compare_centre(site, verdict)
        verdict.vitals, verdict.centre_vitals = site.vitals.summary(), site.centre_vitals.summary()
        site.vitals.write(folder / "vitals.tsv")
        site.centre_vitals.write(folder / "bureau-vitals.tsv")
    return verdict


def compare(site: Site, bureau: Subscriber, verdict: Verdict) -> None:
    """Wait until the bureau's totals are the truth, or until it is clear that they will not be."""
    truth, lost = counters_of(site.twin), site.twin.ask("truth")["lost"]
    totals = bureau.totals(SITE_ID)

    def equal() -> bool:
        return all(totals.counted(name).total == count - lost.get(name, 0) for name, count in truth.items())

    bureau.wait_until(equal, SETTLE_S)
    until_s = time.monotonic() + SETTLE_S
    while site.centre.held().gaps and time.monotonic() < until_s:
        site.wait(time.monotonic() + 0.5)
    found = bureau.read(lambda _: {name: totals.counted(name) for name in truth})
    verdict.counters, verdict.lost = truth, lost
    for name, count in truth.items():
        difference = Difference(name, count, lost.get(name, 0), found[name])
        if found[name].total != count - lost.get(name, 0):
            verdict.differences.append(difference)
        if not (found[name].lo <= count and (found[name].hi is None or count <= found[name].hi)):
            verdict.outside.append(difference)
    site.stop()
    events = (site.folder / "agent.log").read_text(errors="replace")
    verdict.wraps, verdict.resets = events.count(" counter_wrap "), events.count(" counter_reset ")
    verdict.books = books(site.folder / "spool")


def compare_scans(site: Site, bureau: Subscriber, verdict: Verdict) -> None:
    """After the agent has ended; and no code may be in anything that it left behind or said."""
    truth = site.twin.ask("truth")["scans"]
    known = bureau.read(lambda view: bureau_scans(truth, view.site(SITE_ID)))
    verdict.scans = {line: Scans(truth[line], known[line], site.at_stake[line]) for line in truth}
    said = bureau.read(lambda view: repr(view.site(SITE_ID).latest)).encode()
    left = {name: octets for name, octets in files(site.folder).items() if not name.startswith(COMPRESSED)}
    verdict.waybills_in = with_waybills(
        {**left, "the latest messages": said, "the spool": b"\n".join(records(site.folder))}
    )


def identities(held: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """Of all but what has none: the empty document that takes an alarm back."""
    for record in held:
        with suppress(ValueError):
            one = named(record)
            yield one.epoch, one.seq


def compare_centre(site: Site, verdict: Verdict) -> None:
    """What the consumer kept must be the same totals, and every message of the spool, or it is known to be gone."""
    spooled = set(identities(records(site.folder)))
    until_s = time.monotonic() + LAST_WORD_S
    while not (held := site.centre.held(spooled)).is_whole and time.monotonic() < until_s:
        time.sleep(0.2)
    verdict.centre = held
    for name, count in verdict.counters.items():
        lost, found = verdict.lost.get(name, 0), held.totals.get(name)
        if found is None or found.total != count - lost:
            verdict.centre_differences.append(Difference(name, count, lost, found or Reckoning(0, 0, 0)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=5, help="how often the agent is killed (5); with 0 it is one life")
    parser.add_argument("--keep", type=Path, help="leave logs, spool and settings in this new folder")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.keep:
        folders.make(parser, "--keep", args.keep, new=True)
    started_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started_s:7.1f} s  {text}", file=sys.stderr, flush=True)

    verdict = soak(60 * args.minutes, args.seed, kills=args.kills, say=say, keep=args.keep)
    found = {**asdict(verdict), "good": verdict.good}
    print(json.dumps(found, indent=1) if args.json else "\n".join(f"{key}: {value}" for key, value in found.items()))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())

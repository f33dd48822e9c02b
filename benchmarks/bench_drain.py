"""A backlog that drains: how long a week takes at a round trip of 100 ms, and how long live messages wait on 64 kB/s.

python benchmarks/bench_drain.py [--json] [--week]      a tenth of a week's messages, or all 604,800 of them
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "kit"))

from broker import Broker
from thin_line import ThinLine

from agent.bureau.subscriber import Subscriber
from agent.bureau.view import Heard
from agent.uplink.contract import Identity, Message, compact
from agent.uplink.publisher import Publisher
from agent.uplink.session import Pace
from agent.uplink.spool import Spool
from config.uplink_settings import Bureau

WEEK = 604_800
ROUND_TRIP_S = 0.1
FAST, SLOW = 100e6, 64e3
LIVE_EVERY_S = 0.1
SLOW_BACKLOG = 20_000
SEED = 11
EPOCH = "7-abcdef"
IDENTITY = Identity("44", "4401", "gz-baiyun", "bench", 7, EPOCH, "0", "cfg")


def telemetry(seq: int, random: Random) -> Message:
    """A line's message as the agent makes it, some 450 bytes."""
    fields = {
        "v": 1, "ts": 1_795_467_585_388 + 10_000 * seq, "tsq": "ntp", "boot": "5549f86e", "mono_ms": 10_000 * seq,
        "epoch": EPOCH, "seq": seq, "mode": "peak", "q": "good", "win": 10.0, "in_total": 26 * seq, "in_lo": 26 * seq,
        "in_hi": 26 * seq, "in_d": random.randrange(15, 35), "in_pph": random.randrange(80_000, 99_999) / 10,
        "in_pph_900": random.randrange(80_000, 99_999) / 10, "out_total": 25 * seq, "out_lo": 25 * seq,
        "out_hi": 25 * seq, "out_d": random.randrange(15, 35), "out_pph": random.randrange(80_000, 99_999) / 10,
        "wip": random.randrange(100, 400), "takt_s": random.randrange(300, 500) / 1000,
        "load_ratio_in": random.randrange(3000, 6000) / 10_000, "load_index": random.randrange(300, 600) / 10,
        "base": 730_149_511, "counts": {"eyes-in.di0": 26 * seq, "eyes-out.di0": 25 * seq},
    }  # fmt: skip
    return Message("line/north/telemetry", compact(fields))


class Site:
    """A spool with a backlog and the uplink over it."""

    def __init__(self, folder: Path, backlog: int) -> None:
        self._random = Random(SEED)
        self.seq = 0
        self.spool = Spool.open(folder / "spool", 512 << 20)
        while self.seq < backlog:
            self.commit(min(500, backlog - self.seq))

    def commit(self, count: int = 1) -> None:
        records = [telemetry(self.seq + number + 1, self._random).encode() for number in range(count)]
        self.seq += count
        self.spool.commit(records, b"")

    def uplink(self, port: int) -> Publisher:
        bureau = Bureau("127.0.0.1", port, None, None, None, None, 10.0)
        return Publisher(bureau, IDENTITY, self.spool, lambda: (self.spool.next_position, ()), pace=Pace())


def week(folder: Path, messages: int) -> dict[str, float]:
    """Seconds until a broker 100 ms away has acknowledged so many messages, and what a week's would take."""
    site = Site(folder, messages)
    with Broker(folder / "broker") as broker, ThinLine(broker.port, ROUND_TRIP_S, FAST) as line:
        uplink = site.uplink(line.port)
        cpu_s, began_s = _cpu_s(), time.monotonic()
        uplink.start()
        done, pause = threading.Event(), 0.02
        while site.spool.acked < site.spool.next_position:
            done.wait(pause)
        took_s = time.monotonic() - began_s
        cpu_s = _cpu_s() - cpu_s
        uplink.stop(2.0)
    site.spool.close()
    return {
        "messages": messages,
        "drain_s": round(took_s, 1),
        "messages_per_s": round(messages / took_s),
        "week_min": round(WEEK / messages * took_s / 60, 2),
        "cpu_us_per_message": round(cpu_s / messages * 1e6, 1),
    }


def slow(folder: Path) -> dict[str, float]:
    """What live messages wait, ten a second, while a backlog drains over 64 kB/s at a round trip of 100 ms."""
    site, arrived_s = Site(folder, SLOW_BACKLOG), dict[int, float]()

    def note(heard: Heard) -> None:
        arrived_s.setdefault(int(str(heard.fields.get("seq", 0))), time.monotonic())

    with (
        Broker(folder / "broker") as broker,
        ThinLine(broker.port, ROUND_TRIP_S, SLOW) as line,
        Subscriber("127.0.0.1", broker.port, listener=note) as bureau,
    ):
        uplink = site.uplink(line.port)
        uplink.start()
        bureau.wait_until(lambda: bool(arrived_s), 20)
        began_s, due_s = time.monotonic(), time.monotonic()
        sent_s, pause = dict[int, float](), threading.Event()
        while site.spool.acked < SLOW_BACKLOG:
            site.commit()
            sent_s[site.seq] = time.monotonic()
            uplink.wake()
            due_s += LIVE_EVERY_S
            pause.wait(max(0.0, due_s - time.monotonic()))
        took_s = time.monotonic() - began_s
        bureau.wait_until(lambda: all(seq in arrived_s for seq in sent_s), 20)
        uplink.stop(2.0)
    site.spool.close()
    waits_s = sorted(arrived_s[seq] - at_s for seq, at_s in sent_s.items() if seq in arrived_s)
    return {
        "backlog": SLOW_BACKLOG,
        "drain_s": round(took_s, 1),
        "backlog_per_s": round(SLOW_BACKLOG / took_s),
        "live": len(waits_s),
        "live_lost": len(sent_s) - len(waits_s),
        "live_p50_s": round(statistics.median(waits_s), 3),
        "live_p99_s": round(waits_s[int(0.99 * len(waits_s))], 3),
        "live_max_s": round(waits_s[-1], 3),
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--week", action="store_true", help="all of a week's messages: about seven minutes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "fast": week(Path(folder) / "fast", WEEK if arguments.week else WEEK // 10),
            "slow": slow(Path(folder) / "slow"),
        }
    if arguments.json:
        print(json.dumps(figures))
        return 0
    for name, title in (("fast", "round trip 100 ms"), ("slow", "64 kB/s, round trip 100 ms")):
        print(title)
        for figure, value in figures[name].items():
            print(f"  {figure:<20}{value:>12,}")
    print("targets: a week in 10 min; live p99 0.5 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

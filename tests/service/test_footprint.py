"""The memory of the process does not grow by what the interpreter keeps for later."""

from __future__ import annotations

import ctypes
import gc
import struct
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker

from agent import clock
from agent.footprint import SWEEP_S, Sweep, settle

LARGE = """
import sys
from pathlib import Path
from agent.footprint import keep_little

def own_kb() -> int:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(rollup.partition("Anonymous:")[2].split()[0])

if "keep_little" in sys.argv:
    keep_little()
before = own_kb()
after_it = []
for _ in range(3):
    block = b"x" * (2 << 20)
    after_it.append(b"x" * 65536)
    del block
print(own_kb() - before)
"""

REPORT = """
import sys
from pathlib import Path
from agent.footprint import Sweep, keep_little

def own_kb() -> int:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(rollup.partition("Anonymous:")[2].split()[0])

keep_little()
sweep = Sweep()
sweep.advance(1000.0)
before = own_kb()
report = [bytes([65]) * 5000 for _ in range(400)]
stays = bytes([66]) * 5000
taken = own_kb() - before
del report
sweep.advance(1001.0)
print(taken, own_kb() - before)
"""

BACKLOG = """
import sys
from pathlib import Path
from agent import footprint
from agent.bureau.arrival import read
from agent.bureau.databases import opener

def own_kb() -> int:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(rollup.partition("Anonymous:")[2].split()[0])

def keep(batches: range) -> int:
    for batch in batches:
        numbers = range(100 * batch + 1, 100 * batch + 101)
        texts = [f'{{"epoch":"3-abcdef","seq":{seq},"ts":1,"note":"{seq:0500}"}}' for seq in numbers]
        store.take([said for text in texts for said in read("hubpulse/v1/44/4401/gz/health", text.encode())])
    footprint.give_back()
    return own_kb()

footprint.keep_little()
store = opener(f"sqlite:{sys.argv[1]}")()
before = keep(range(5))
print(keep(range(5, 60)) - before)
"""

HEARD = """
import gc, sys
from paho.mqtt.matcher import MQTTMatcher
from agent.__main__ import main

assert main(["bureau", "run", "--port", sys.argv[1], "--store", f"sqlite:{sys.argv[2]}", "--for", "1s"]) == 0
found = []
gc.callbacks.append(lambda phase, about: phase == "stop" and found.append(about["collected"]))
matcher = MQTTMatcher()
for _ in range(5000):
    list(matcher.iter_match("hubpulse/v1/44/4401/gz/health"))
gc.collect()
print(max(found))
"""
"""What paho does with each message that it hears, after a bureau has run for a second: the most garbage that stood."""


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _no_automatic_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def test_what_runs_in_circles_is_freed_before_long() -> None:
    sweep, now_s = Sweep(), 1000.0
    sweep.advance(now_s)
    circle = weakref.ref(Circle())
    sweep.advance(now_s + SWEEP_S / 2)
    assert circle() is not None
    sweep.advance(now_s + SWEEP_S)
    assert circle() is None


def test_freed_tuples_that_the_interpreter_keeps_go_back_before_long() -> None:
    sweep = Sweep()
    sweep.advance(1000.0)
    before = sys.getallocatedblocks()
    for _ in range(1500):
        tuple(number for number in range(15))  # made longer and cut, so none of those kept is used again
    assert sys.getallocatedblocks() > before + 1000
    sweep.advance(1000.0 + SWEEP_S)
    assert sys.getallocatedblocks() < before + 200


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the cache is the interpreter's own")
def test_names_of_attributes_that_nobody_has_any_more_go_before_long() -> None:
    sweep, somebody = Sweep(), Circle()
    sweep.advance(1000.0)
    before = sys.getallocatedblocks()
    names = [f"name {number}" for number in range(3000)]
    assert not any(hasattr(somebody, name) for name in names)
    del names
    assert sys.getallocatedblocks() > before + 300
    sweep.advance(1000.0 + SWEEP_S)
    assert sys.getallocatedblocks() < before + 100


def test_formats_of_messages_long_gone_go_before_long() -> None:
    sweep = Sweep()
    sweep.advance(1000.0)
    before = sys.getallocatedblocks()
    for length in range(90):
        struct.pack(f"!H{length}s", length, b"")
    assert sys.getallocatedblocks() > before + 80
    sweep.advance(1000.0 + SWEEP_S)
    assert sys.getallocatedblocks() < before + 40


def test_what_the_start_made_is_never_gone_round_again() -> None:
    made = [[number] for number in range(1000)]
    settle()
    assert gc.get_freeze_count() > len(made)
    assert not any(one is made for one in gc.get_objects())


def test_to_look_at_the_clock_makes_no_class() -> None:
    clock.now()
    (function,) = ctypes.CDLL(None)._FuncPtr.__bases__
    before = len(function.__subclasses__())
    for _ in range(10):
        clock.now()
    assert len(function.__subclasses__()) == before


def kept_kb(*words: str) -> int:
    """What a process still holds that took and freed two megabytes three times."""
    return int(subprocess.check_output([sys.executable, "-c", LARGE, *words], text=True))


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_a_large_block_is_given_back_as_often_as_it_is_taken() -> None:
    assert kept_kb() > 1024
    assert kept_kb("keep_little") < 512


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_a_report_took_is_given_back_within_a_second() -> None:
    said = subprocess.check_output([sys.executable, "-c", REPORT], text=True)
    taken_kb, kept_kb = map(int, said.split())
    assert taken_kb > 1500
    assert kept_kb < 500


def test_a_backlog_leaves_a_bureau_on_sqlite_as_small_as_it_was(tmp_path: Path) -> None:
    grown_kb = int(subprocess.check_output([sys.executable, "-c", BACKLOG, tmp_path / "bureau.db"], text=True))
    assert grown_kb < 512


def test_what_paho_leaves_of_a_message_is_gone_some_fifty_messages_later_in_a_bureau(tmp_path: Path) -> None:
    with Broker(tmp_path / "broker") as broker:
        words = [sys.executable, "-c", HEARD, str(broker.port), str(tmp_path / "bureau.db")]
        left = int(subprocess.check_output(words, text=True, stderr=subprocess.DEVNULL).splitlines()[-1])
    assert left < 600

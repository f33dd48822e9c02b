"""Spool directories as no spool left them: flipped, zeroed, torn, mixed up, forged and foreign; each must open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from disk_model import ModelDisk
from power_cuts import untruths
from spool_history import SEGMENT_BYTES, Broken, Truth, commit_once, open_spool

from agent.uplink.spool.segment import SegmentName

SEED_LIVES = 16
"""So many sound directories the damaged ones are made from."""


def filled(commits: int, seed: int = 0) -> tuple[ModelDisk, Truth]:
    """A sound directory and what was written to it."""
    disk, truth, random = ModelDisk(), Truth(), Random(seed)
    spool = open_spool(disk)
    for _ in range(commits):
        commit_once(spool, disk, truth, random)
    spool.close()
    return disk, truth


def fuzzed(seed: int, count: int) -> Iterator[tuple[int, list[Broken]]]:
    """So many damaged directories, each opened; what was wrong."""
    sound = [filled(Random(f"{seed}/{number}").randint(1, 90), number) for number in range(SEED_LIVES)]
    for number in range(count):
        random = Random(f"{seed}/{number}/damage")
        disk, truth = sound[number % SEED_LIVES]
        damaged = ModelDisk(disk.now)
        for _ in range(random.randint(1, 4)):
            random.choice(DAMAGES)(damaged, random)
        yield number, untruths(damaged, truth)


def _any(disk: ModelDisk, random: Random) -> bytearray:
    names = list(disk.now.names.values())
    return disk.now.files[random.choice(names)] if names else bytearray(1)


def _place(octets: bytearray, random: Random) -> int:
    return random.randrange(len(octets)) if octets else 0


def _put(disk: ModelDisk, name: str, octets: bytes) -> None:
    if name not in disk.now.names:
        disk.create(name).write(octets, 0)


def _flip(disk: ModelDisk, random: Random) -> None:
    octets = _any(disk, random)
    for _ in range(random.choice((1, 1, 8, 200))):
        if octets:
            octets[_place(octets, random)] ^= 1 << random.randrange(8)


def _zero(disk: ModelDisk, random: Random) -> None:
    octets = _any(disk, random)
    start = _place(octets, random) & ~511
    end = min(len(octets), start + random.choice((512, 4096)))
    octets[start:end] = bytes(end - start)


def _tear(disk: ModelDisk, random: Random) -> None:
    octets = _any(disk, random)
    del octets[_place(octets, random) :]


def _noise(disk: ModelDisk, random: Random) -> None:
    octets = _any(disk, random)
    start = _place(octets, random)
    octets[start : start + 200] = random.randbytes(len(octets[start : start + 200]))


def _stutter(disk: ModelDisk, random: Random) -> None:
    """A piece of one file in another, as a confused card has it."""
    source, target = _any(disk, random), _any(disk, random)
    start, at = _place(source, random) & ~63, _place(target, random) & ~63
    target[at : at + 512] = source[start : start + 512][: len(target[at : at + 512])]


def _forget(disk: ModelDisk, random: Random) -> None:
    if disk.now.names:
        del disk.now.names[random.choice(list(disk.now.names))]


def _double(disk: ModelDisk, random: Random) -> None:
    """A segment once more under another number, place or salt."""
    name = SegmentName(random.choice((1, 2, 7, 2**32 - 1)), random.choice((0, 5, 2**63)), random.randrange(2**32))
    _put(disk, str(name), bytes(_any(disk, random)))


def _foreign(disk: ModelDisk, random: Random) -> None:
    newer = f"v{random.randint(2, 9)}-00000007-0000000000000009-00000001.segment"
    name = random.choice(
        (newer, "README", "v1-zz.segment", "lost+found.tmp", f"{'x' * 200}.segment", "probe-1.unfinished")
    )
    _put(disk, name, random.randbytes(random.choice((0, 10, SEGMENT_BYTES))))


DAMAGES: tuple[Callable[[ModelDisk, Random], None], ...] = (
    _flip, _zero, _tear, _noise, _stutter, _forget, _double, _foreign,
)  # fmt: skip

"""Seeded frames of a tunnel: `STX LL,CODE[,chute[,confidence]] CR LF`, three reads a parcel, no-reads, garbage."""

from __future__ import annotations

import random
from dataclasses import dataclass

DIGITS = "0123456789"
ALNUM = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CARRIERS = (
    ("sf", "SF", 12, 15),
    ("yto", "YT", 13, 13),
    ("jt", "JT", 12, 13),
    ("jd", "JDX", 12, 12),
    ("jd", "JDK", 12, 12),
    ("jd", "JDV?", 11, 11),
    ("sto", "STO", 10, 10),
    ("deppon", "DPK", 11, 12),
)
SHAPES = (("SF", 13), ("SF", 12), ("YT", 13), ("JT", 13), ("JDX", 12), ("JDVA", 11), ("STO", 10), ("DPK", 11))
WINDOW_MS = 3000


@dataclass(frozen=True, slots=True)
class Frames:
    """A warm-up that fills the table, then the frames to measure; both come at `per_second`."""

    warm: bytes
    octets: bytes
    count: int
    per_second: int

    def chunks(self, size: int = 65536) -> list[tuple[int, bytes]]:
        """The measured bytes in chunks, each with its milliseconds from the start."""
        ms_per_byte = 1000 * self.count / len(self.octets) / self.per_second
        return [(int(at * ms_per_byte), self.octets[at : at + size]) for at in range(0, len(self.octets), size)]


def frames(count: int, live: int = 100_000, lanes: int = 32, chutes: int = 256, seed: int = 1) -> Frames:
    """Frames with about `live` codes in the window at any time: half still on the belt, half just read out."""
    rng = random.Random(seed)
    belt = [parcel(rng, lanes, chutes) for _ in range(max(1, live // 2))]
    warm = b"".join(one + b"\r\n" for one in belt)
    reads = [rng.randint(1, 3) for _ in belt]
    return Frames(warm, b"".join(frame(rng, belt, reads, lanes, chutes) for _ in range(count)), count, len(belt))


def frame(rng: random.Random, belt: list[bytes], reads: list[int], lanes: int, chutes: int) -> bytes:
    chance = rng.random()
    if chance < 0.021:
        if chance < 0.001:
            return rng.randbytes(rng.randint(1, 40)).replace(b"\n", b"") + b"\n"
        return b"\x02%02d,NOREAD\r\n" % rng.randrange(lanes)
    at = int(rng.random() * len(belt))
    one = belt[at]
    reads[at] -= 1
    if reads[at] == 0:
        belt[at] = parcel(rng, lanes, chutes)
        reads[at] = 3
    if chance < 0.5 and one.count(b",") == 2:
        return one + b",%d\r\n" % (60 + int(rng.random() * 41))
    return one + b"\r\n"


def parcel(rng: random.Random, lanes: int, chutes: int) -> bytes:
    """What every read of one parcel begins with."""
    head = f"\x02{int(rng.random() * lanes):02d},{code(rng)}"
    return (f"{head},{1 + int(rng.random() * chutes)}" if rng.random() < 0.8 else head).encode()


def code(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        prefix, digits = SHAPES[int(rng.random() * len(SHAPES))]
        return f"{prefix}{rng.randrange(10**digits):0{digits}d}"
    if kind < 0.7:
        digits = rng.randint(10, 20)
        return f"{rng.randrange(10**digits):0{digits}d}"
    if kind < 0.73:
        return s10(rng)
    return "".join(rng.choices(ALNUM, k=rng.randint(10, 20)))


def s10(rng: random.Random) -> str:
    digits = f"{rng.randrange(10**8):08d}"
    rest = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"{rng.choice('ECLR')}A{digits}{(0, 5)[rest - 10] if rest > 9 else rest}CN"

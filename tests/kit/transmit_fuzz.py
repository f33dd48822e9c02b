"""Frames of every sort, tried on the gate that a link asks before it sends: what passes must be one of the queries.

The queries are written down here once more, from the published frames and not from the drivers. A bigger campaign than
the tests': python tests/kit/transmit_fuzz.py --cases 1000000
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from functools import reduce
from operator import xor
from pathlib import Path

from modbus_oracle import crc

from agent.bus.guard import ForbiddenFrameError, check_outgoing, nothing
from drivers import Guard
from drivers.lockers import language, names
from drivers.modbus_guard import read_guard


def summed(*body: int) -> bytes:
    octets = bytes((*body, 3))
    return octets + bytes((sum(octets) % 256,))


def xored(body: bytes) -> bytes:
    return body + bytes((reduce(xor, body),))


def checked(body: bytes) -> bytes:
    return body + crc(body)


def text(words: str) -> bytes:
    return words.encode() + b"*%04X\r\n" % int.from_bytes(crc(words.encode()), "little")


def family_8a80() -> set[bytes]:
    return {xored(bytes((0x80, board, 0, 0x33))) for board in range(1, 33)}


QUERIES: dict[str, set[bytes]] = {
    "kerong_cu16": {summed(2, board << 4, 0x30) for board in range(16)},
    "kerong_cu48b": {summed(2, board, 0x30, 0x60) for board in range(256)},
    "cu48_modbus": {checked(bytes((board, 1, 0, 0, 0, 48))) for board in range(1, 11)},
    "lock24_8a80": family_8a80(),
    "lock32_8a80": family_8a80(),
    "wkly": {xored(b"WKLY" + bytes((8, board, 0x84))) for board in range(256)},
    "qianming_5a": {
        xored(bytes((0x5A, function, box >> 8, box & 255))) for box in range(1, 65536) for function in (0x22, 0x25)
    },
    "winnsen": {bytes((0x90, 6, 0x12, board, lock, 3)) for board in range(4) for lock in range(1, 17)},
    "yt_ascii": {text(f"YT+GETALLLOCKSSTATUS={board}") for board in range(1, 256)},
}
_LISTED = {name: sorted(queries) for name, queries in QUERIES.items()}
_ASCII_ORDERS = ("OPENLOCK={},{}", "CLOSELOCK={},{}", "OPENALLLOCKS={}", "REBOOT={}", "GETALLLOCKSSTATUS={},{}", "PING")


def is_modbus_read(frame: bytes) -> bool:
    """The four reads on RTU, as MODBUS Application Protocol V1.1b3 has them."""
    if len(frame) != 8 or not 1 <= frame[1] <= 4 or not frame[0] or crc(frame[:6]) != frame[6:]:
        return False
    first, count = int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6])
    return 1 <= count <= (2000 if frame[1] < 3 else 125) and first + count <= 65536


def order(dice: random.Random) -> bytes:
    """Something that moves or sets a lock of any board known, with a right checksum."""
    byte = dice.randrange
    boards = (
        lambda: summed(2, byte(256), dice.choice((0x31, 0x32, 0x33, 0x37, 0x39, 0x40))),
        lambda: summed(2, byte(256), dice.choice((0, 0x30, byte(256))), dice.choice((0x61, byte(256)))),
        lambda: checked(bytes((byte(1, 248), dice.choice((5, 15, 16, 6)), 0, byte(48), byte(256), byte(256)))),
        lambda: xored(bytes((dice.choice((0x8A, 0x80)), byte(256), byte(33), dice.choice((0x11, 0x33))))),
        lambda: xored(bytes((0x90, byte(256), byte(256), byte(256), byte(256)))),
        lambda: xored(b"WKLY" + bytes((9, byte(256), dice.choice((0x81, 0x82, 0x83, 0x88, 0x89)), byte(256)))),
        lambda: xored(b"WKLY" + bytes((8, byte(256), dice.choice((0x80, 0x84, 0x86, 0x87))))),
        lambda: xored(bytes((0x5A, dice.choice((0x20, 0x21, 0x23, 0x24)), byte(256), byte(256)))),
        lambda: bytes((0x90, 6, dice.choice((0x05, 0x12)), byte(256), byte(256), 3)),
        lambda: text("YT+" + dice.choice(_ASCII_ORDERS).format(byte(300), byte(30))),
        lambda: bytes((0xF5, byte(256), 0, 0x71, 0, 0x5F, byte(256), 0)),
        lambda: bytes((0x9D, byte(256), 1, 0x33)),
        lambda: xored(bytes((0x5A, 0x5A, 0, byte(256), 0, 4, 0, 1, byte(256)))),
    )
    return dice.choice(boards)()


def spoilt(dice: random.Random, frame: bytes) -> bytes:
    """A frame cut short, lengthened, joined to another, or with a few bits or bytes changed."""
    way = dice.randrange(6)
    if way == 0:
        return frame[: dice.randrange(len(frame) + 1)]
    if way == 1:
        return frame + dice.randbytes(dice.randrange(1, 4))
    if way == 2:
        return frame + order(dice) if dice.random() < 0.5 else order(dice) + frame
    octets = bytearray(frame)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(octets))
        octets[at] = octets[at] ^ 1 << dice.randrange(8) if way < 5 else dice.randrange(256)
    return bytes(octets)


def frame(dice: random.Random) -> bytes:
    """Any bytes that a bug, a profile, a command or a device might make us want to send."""
    way = dice.randrange(10)
    if way < 3:
        return dice.choice(_LISTED[dice.choice(list(_LISTED))])
    if way < 5:
        return order(dice)
    if way < 9:
        return spoilt(dice, dice.choice(_LISTED[dice.choice(list(_LISTED))]) if way < 8 else order(dice))
    return dice.randbytes(dice.randrange(24))


def passes(octets: bytes, guard: Guard) -> bool:
    try:
        check_outgoing(octets, guard)
    except ForbiddenFrameError:
        return False
    return True


def run(cases: int, seed: int) -> Counter[str]:
    """Try so many frames on every gate; counts what passed, by language. AssertionError at the first wrong one."""
    dice = random.Random(seed)
    gates = [(name, language(name).allows, QUERIES[name]) for name in names()]
    rtu, passed = read_guard("rtu"), Counter[str]()
    for _ in range(cases):
        octets = frame(dice)
        for name, guard, queries in gates:
            let = passes(octets, guard)
            assert let == (octets in queries), (name, octets.hex(" "))
            passed[name] += let
        assert passes(octets, rtu) == is_modbus_read(octets), octets.hex(" ")
        assert not passes(octets, nothing)
    return passed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began_s = time.perf_counter()
    passed = run(args.cases, args.seed)
    took_s = round(time.perf_counter() - began_s, 1)
    print(json.dumps({"cases": args.cases, "gates": len(names()) + 2, "passed": dict(passed), "seconds": took_s}))


if __name__ == "__main__":
    assert Path("drivers").is_dir(), "run it in the tree"
    main()

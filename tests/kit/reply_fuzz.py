"""Replies of locker boards, good and spoilt, asked for or overheard, into the state of doors: none may be wrong.

A checksum of eight bits lets one in 256 random frames pass, and Winnsen boards send none: a single reading may lie. So
a door is what two readings say that lie apart. A bigger campaign than the tests':
python tests/kit/reply_fuzz.py --trials 100000
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, deque

from agent.load.contact import Contact
from agent.twin.board_speech import Cabinet, reply
from agent.twin.boards import Mishap, spoil
from drivers import Ask, Batch, DeviceError, FrameError, Overheard, Value
from drivers.board_line import BoardLine, BoardOnLine
from drivers.board_tap import HUSH_S, BoardTap
from drivers.lockers import Language, language, names

SPOILT: tuple[Mishap, ...] = ("truncate", "corrupt", "noise", "merge", "checksum", "impossible")
WAYS = (*SPOILT, "foreign", "foreign first", "late", "echo", "silence", "random", *("right",) * 8)
NO_ANSWER = ("truncate", "foreign", "echo", "silence", "impossible")
CHANNELS = {"kerong_cu48b": 48, "cu48_modbus": 48, "lock32_8a80": 32, "yt_ascii": 24}
PERIOD_S, STEADY_S = 2.0, 0.5
Values = tuple[Value | None, ...]


class Line:
    """Two boards of a language; the doors of one move, and its state is followed, as we ask for it or overhear it."""

    def __init__(self, spoken: Language, seed: int, *, overheard: bool) -> None:
        self.spoken = spoken
        channels = CHANNELS.get(spoken.name, 16)
        self.board = spoken.addresses[1]
        self.other = self.board + (channels if spoken.numbered_through else 1)
        self.asks = spoken.asks(self.board, channels)
        self.dice = random.Random(f"{spoken.name} {seed}")
        self.cabinet, self.neighbour = self._any(channels), self._any(channels)
        self.contacts = {point: Contact(STEADY_S) for ask in self.asks for point in ask.points}
        self.recent = {point: [bit] for point, bit in self._truth().items()}
        self.sound: dict[Ask, deque[int]] = {ask: deque([0], maxlen=_SOUND) for ask in self.asks}
        self.tap: BoardTap | None = None
        if overheard:
            known = [BoardOnLine("board", self.board, channels, self.asks)]
            self.tap = BoardTap(BoardLine(spoken, known))
        self.last = dict.fromkeys(self.asks, b"")
        self.told: Counter[str] = Counter()
        self.now_s = 0.0

    def _any(self, channels: int) -> Cabinet:
        return Cabinet(*([self.dice.random() < 0.5 for _ in range(channels)] for _ in range(2)))

    def _truth(self) -> dict[str, bool]:
        doors = {f"door.{n}": closed for n, closed in enumerate(self.cabinet.closed, 1)}
        return doors | {f"item.{n}": present for n, present in enumerate(self.cabinet.present, 1)}

    def trial(self) -> None:
        """Doors move, one ask is answered somehow, and what is known of doors and items is compared with the truth."""
        self.now_s += PERIOD_S
        self._move()
        ask, way = self.dice.choice(self.asks), self.dice.choice(WAYS)
        right = self._answer(self.board, self.cabinet, ask)
        sent = self._sent(way, ask, right)
        said = self._overhear(ask, sent) if self.tap else self._hear(ask, bytearray(sent))
        self.last[ask] = right
        assert way != "right" or said is not None
        assert way not in NO_ANSWER or said is None, (self.spoken.name, way)
        self.told["answers"] += said is not None
        if said is not None:
            self._believe(ask, said)
        self._judge(ask, settled=way == "right")

    def _move(self) -> None:
        bits = self.dice.choice((self.cabinet.closed, self.cabinet.present))
        if self.dice.random() < 0.2:
            bits[self.dice.randrange(len(bits))] ^= True
        for point, bit in self._truth().items():
            if point in self.recent:
                self.recent[point].append(bit)

    def _answer(self, board: int, cabinet: Cabinet, ask: Ask) -> bytes:
        said = self.spoken.describe(self._query(board, ask))
        assert said is not None
        return reply(self.spoken, board, cabinet, said)

    def _query(self, board: int, ask: Ask) -> bytes:
        at = self.asks.index(ask)
        return self.spoken.asks(board, len(self.cabinet.closed))[at].request(0)

    def _sent(self, way: str, ask: Ask, right: bytes) -> bytes:
        foreign = self._answer(self.other, self.neighbour, ask)
        sent = {
            "right": right,
            "foreign": foreign,
            "foreign first": foreign + right,
            "late": self.last[ask],
            "echo": ask.request(0),
            "silence": b"",
            "random": right[:3] + self.dice.randbytes(len(right) - 3),
        }
        return sent[way] if way in sent else spoil(way, self.spoken.name, right, self.dice)  # type: ignore[arg-type]

    def _hear(self, ask: Ask, buffer: bytearray) -> Values | None:
        """What the ask makes of it."""
        before = bytes(buffer)
        try:
            batch = ask.answer(buffer, 1, self.now_s)
        except FrameError:
            assert buffer == before
            return None
        except DeviceError:
            return None
        assert (batch is None) == (buffer == before)
        return None if batch is None else batch.values

    def _overhear(self, ask: Ask, sent: bytes) -> Values | None:
        """What a listener makes of a host's query and this reply, in pieces, with a pause behind."""
        assert self.tap is not None
        octets = ask.request(0) + sent
        cut = self.dice.randrange(len(octets))
        told = [*self.tap.hear(octets[:cut], self.now_s), *self.tap.hear(octets[cut:], self.now_s)]
        told += [*self.tap.hear(b"", self.now_s + HUSH_S), *self.tap.hear(b"", self.now_s + PERIOD_S - HUSH_S)]
        brought = [one.brought for one in told if isinstance(one, Overheard) and one.ask == self.asks.index(ask)]
        return next((one.values for one in brought if isinstance(one, Batch)), None)

    def _believe(self, ask: Ask, values: Values) -> None:
        pairs = list(zip(ask.points, values, strict=True))
        self.told["lying replies"] += any(value not in (None, *self.recent[point][-8:]) for point, value in pairs)
        for point, value in pairs:
            contact = self.contacts[point]
            if contact.hear(None if value is None else bool(value), self.now_s) is not None:
                contact.accept()
                self.told["changes"] += 1

    def _judge(self, ask: Ask, *, settled: bool) -> None:
        """What a contact is now must have been true since one of the last sound readings."""
        sound = self.sound[ask]
        for point in ask.points:
            state, recent = self.contacts[point].now, self.recent[point]
            self.told["wrong"] += state is not None and state not in recent
            if settled:
                del recent[: sound[0]]
        if settled:
            cut = sound[0]
            sound.append(len(self.recent[ask.points[0]]) + cut - 1)
            self.sound[ask] = deque((at - cut for at in sound), maxlen=_SOUND)


_SOUND = 3


def run(name: str, trials: int, seed: int = 1, *, overheard: bool = False) -> Counter[str]:
    """So many trials with one language: how often a state was wrong, and what else was counted."""
    line = Line(language(name), seed, overheard=overheard)
    for _ in range(trials):
        line.trial()
    return line.told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000, help="for each language")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in names():
        for overheard in (False, True):
            told = run(name, args.trials, args.seed, overheard=overheard)
            print(json.dumps({"language": name, "overheard": overheard, "trials": args.trials, **told}), flush=True)


if __name__ == "__main__":
    main()

"""What opening doors by hand teaches about a locker: which channel is which door, and which way round its contact is.

With every door closed each contact says what it says of a closed door. A door that is opened changes one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from config.locker_settings import Board

Said = Mapping[str, int | float | bool | None]
"""What a board says, by point."""

Channel = tuple[str, int]
"""A board's id and a channel of it."""


class Finding(NamedTuple):
    """What opening one door showed: the `found` channel, `nothing` that changed, or `several` at once.

    `moved` is where the door stood by the settings before, None where it was there or nowhere.
    """

    what: Literal["found", "nothing", "several"]
    channels: tuple[Channel, ...]
    moved: Channel | None = None


class Lesson:
    """Begins with what every board says while all doors are closed."""

    def __init__(self, boards: Sequence[Board], closed: Mapping[str, Said]) -> None:
        self._boards = boards
        self._closed = closed
        self._learned: dict[Channel, int] = {}
        self._written = {(board.id, one.channel): one.number for board in boards for one in board.compartments}

    def opened(self, number: int, said: Mapping[str, Said]) -> Finding:
        """Door `number` stands open now. Other doors whose channel was learned before may stand open, too."""
        changed = list(self._changed(said))
        fresh = [channel for channel in changed if self._learned.get(channel, number) == number]
        if len(fresh) != 1:
            return Finding("several" if fresh else "nothing", tuple(fresh))
        channel = fresh[0]
        for other in [known for known, learned in self._learned.items() if learned == number]:
            del self._learned[other]
        self._learned[channel] = number
        before = next((place for place, written in self._written.items() if written == number), None)
        return Finding("found", (channel,), None if before == channel else before)

    def _changed(self, said: Mapping[str, Said]) -> Iterator[Channel]:
        for board, closed in self._closed.items():
            for point, before in closed.items():
                now = said.get(board, {}).get(point)
                if point.startswith("door.") and before is not None and now is not None and now != before:
                    yield board, int(point.removeprefix("door."))

    # --- what is known ---

    @property
    def learned(self) -> Mapping[Channel, int]:
        """The compartment of each channel whose door was opened."""
        return self._learned

    def inverted(self, board: Board) -> bool | None:
        """Whether the board's doors are the other way round than its language documents; None: not known, or both."""
        ways = {
            self._closed[board.id][f"door.{channel}"] is False for name, channel in self._learned if name == board.id
        }
        return ways.pop() if len(ways) == 1 else None

    def odd(self, board: Board) -> list[int]:
        """Compartments of a board whose contacts are not all the same way round: those of the rarer way."""
        ways: dict[bool, list[int]] = {True: [], False: []}
        for (name, channel), number in self._learned.items():
            if name == board.id:
                ways[self._closed[name][f"door.{channel}"] is False].append(number)
        return sorted(ways[len(ways[True]) < len(ways[False])])

    def compartments(self, board: Board) -> dict[int, int]:
        """Each channel's compartment: as learned, else as it was written and did not turn out to be elsewhere."""
        elsewhere = set(self._learned.values())
        kept = {
            channel: number
            for (name, channel), number in self._written.items()
            if name == board.id and number not in elsewhere and (name, channel) not in self._learned
        }
        return dict(sorted({**kept, **self._of(board)}.items()))

    def unchecked(self, board: Board) -> list[int]:
        """Compartments that stand as they were written."""
        return sorted(set(self.compartments(board).values()) - set(self._of(board).values()))

    def _of(self, board: Board) -> dict[int, int]:
        return {channel: number for (name, channel), number in self._learned.items() if name == board.id}


def spans(numbers: Sequence[int]) -> str:
    """Numbers as the settings have them: "1-6, 8, 7, 9-16"; only steps of one are put together."""
    parts: list[list[int]] = []
    for number in numbers:
        last = parts[-1] if parts else []
        step = number - last[-1] if last else 0
        if abs(step) == 1 and (len(last) == 1 or step == last[1] - last[0]):
            last.append(number)
        else:
            parts.append([number])
    return ", ".join(part for run in parts for part in _written(run))


def _written(run: Sequence[int]) -> list[str]:
    return [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(number) for number in run]


def toml(board: Board, lesson: Lesson) -> str:
    """The board's table, to paste: what was learned, and what of it stood before."""
    locker, _, name = board.id.partition("_")
    wired = lesson.compartments(board)
    unused = [channel for channel in range(1, max(wired, default=0) + 1) if channel not in wired]
    inverted = lesson.inverted(board)
    rows = [
        f"[locker.{locker}.board.{name}]",
        f'bus = "{board.bus}"',
        f'language = "{board.language}"',
        f"address = {board.address}",
        f'compartments = "{spans(list(wired.values()))}"',
        *([f'unused = "{spans(unused)}"'] if unused else []),
        f"inverted = {str(board.inverted if inverted is None else inverted).lower()}",
    ]
    return "\n".join(rows)

"""A locker line whose master is a foreign host: its queries and what the boards answer, found by their content.

A status is believed only as the answer to a query that was heard. An order to open tells what the host wants, and is
told as that; never as state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers import Batch, DeviceError, FrameError, Overheard, Told
from drivers.board_line import BoardLine, BoardOnLine
from drivers.lockers import Said

HUSH_S = 0.05
"""Silence after which an incomplete frame is none: longer than the lumps of any adapter (1 to 16 ms)."""

ANSWER_MOST_S = 2.0
"""A board slower than this does not exist: all answer within tens of milliseconds."""

COUNTED: tuple[str, ...] = ("asked", "answered", "timeout", "foreign", "late", "extra", "exception")
SPOILT_BYTES = 5
"""So many bytes without meaning are a spoilt answer, or a query that was missed: what answers now answers another."""

_MOST_BYTES = 1024
Awaited = tuple[BoardOnLine, int]


class BoardTap:
    """The `Listener` of a line with locker boards. Memory is bounded and no byte string raises."""

    def __init__(self, line: BoardLine) -> None:
        self._line = line
        self._buffer = bytearray()
        self._awaited: list[Awaited] = []
        self._asked: list[BoardOnLine] = []
        self._channels: tuple[int, ...] = ()
        self._asked_s = 0.0
        self._noise = 0
        self._heard_s = 0.0
        self._order: Said | None = None
        self._counts: dict[str, int] = dict.fromkeys(COUNTED, 0)

    @property
    def alarm_s(self) -> float:
        """When `hear` must be called with no bytes if none come before."""
        if self._buffer:
            return self._heard_s + HUSH_S
        return self._asked_s + ANSWER_MOST_S if self._awaited else float("inf")

    def counts(self) -> Mapping[str, int]:
        """What went over the line: queries to our boards, their answers, frames of others, bytes without meaning."""
        return self._counts

    def hear(self, octets: bytes, at_s: float) -> Sequence[Overheard | Told]:
        """Take in what was read at `at_s`, nothing where the alarm rang; gives what that tells, oldest first."""
        told: list[Overheard | Told] = []
        if self._buffer and at_s - self._heard_s >= HUSH_S:
            self._resolve(told, at_s, final=True)
        if self._awaited and at_s - self._asked_s >= ANSWER_MOST_S:
            self._give_up(told, at_s)
        for start in range(0, len(octets), _MOST_BYTES):
            self._buffer += octets[start : start + _MOST_BYTES]
            self._heard_s = at_s
            self._resolve(told, at_s, final=False)
        return told

    def _resolve(self, told: list[Overheard | Told], at_s: float, *, final: bool) -> None:
        """Take frames off the buffer as far as they are whole; `final`: no byte more belongs to what is there."""
        while self._buffer:
            missing = self._answered(told, at_s)
            if missing is None:
                continue
            if missing and not final:
                return
            said, missing = self._frame()
            if said is not None:
                self._understand(said, told, at_s)
            elif missing and not final:
                return
            else:
                del self._buffer[0]
                self._counts["extra"] += 1
                self._noise += 1
                if self._noise == SPOILT_BYTES:
                    self._give_up(told, at_s, "garbage")

    def _answered(self, told: list[Overheard | Told], at_s: float) -> bool | None:
        """Take an awaited answer off the front: None when one was, else whether the bytes may still become one."""
        missing = False
        for awaited in self._awaited:
            board, index = awaited
            try:
                brought = board.asks[index].answer(self._buffer, 0, at_s)
            except DeviceError as refusal:
                self._counts["exception"] += 1
                self._tell(awaited, f"exception_{refusal.code}", told, at_s)
                return None
            except FrameError:
                continue
            if brought is not None:
                self._counts["answered"] += 1
                self._tell(awaited, brought, told, at_s)
                return None
            missing = True
        return missing

    def _tell(self, awaited: Awaited, brought: Batch | str, told: list[Overheard | Told], at_s: float) -> None:
        self._awaited.remove(awaited)
        board, index = awaited
        told.append(Overheard(board.device, index, brought, at_s))

    def _frame(self) -> tuple[Said | None, bool]:
        """The frame at the front, taken off it; without one, whether the bytes may still become one."""
        missing = False
        for length in self._line.language.lengths(self._buffer):
            if length > len(self._buffer):
                missing = True
            elif (said := self._line.language.describe(bytes(self._buffer[:length]))) is not None:
                del self._buffer[:length]
                return said, False
        return None, missing

    def _understand(self, said: Said, told: list[Overheard | Told], at_s: float) -> None:
        order, self._order = self._order, None
        boards = self._line.whose(said)
        if said.kind == "query":
            self._give_up(told, at_s)
            self._expect(said, boards, at_s)
        elif said.kind == "open":
            self._give_up(told, at_s)
            if self._line.language.orders_echoed and said == order:
                return  # the board's answer repeats the order
            self._order = said
            told += self._line.told(said, at_s)
        elif said.kind == "report" or self._is_answer(said, boards):
            told += self._line.told(said, at_s)
        elif said.kind == "status" and boards:
            self._counts["late"] += 1
        if not boards:
            self._counts["foreign"] += 1

    def _expect(self, said: Said, boards: list[BoardOnLine], at_s: float) -> None:
        self._asked_s, self._asked, self._channels, self._noise = at_s, boards, said.channels, 0
        for board in boards:
            self._counts["asked"] += 1
            for index, ask in enumerate(board.asks):
                if said.wants(ask.points):
                    self._awaited.append((board, index))

    def _is_answer(self, said: Said, boards: Sequence[BoardOnLine]) -> bool:
        """Whether this is the status of the one door that the host asked for; once for each query."""
        if said.kind != "status" or not said.channels or (said.channels, boards) != (self._channels, self._asked):
            return False
        self._asked = []
        self._counts["answered"] += len(boards)
        return bool(boards)

    def _give_up(self, told: list[Overheard | Told], at_s: float, reason: str = "timeout") -> None:
        """The open question stays without an answer."""
        awaited, self._awaited, self._asked = self._awaited, [], []
        self._counts["timeout"] += bool(awaited)
        told += [Overheard(board.device, index, reason, at_s) for board, index in awaited]

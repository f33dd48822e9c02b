"""A line with locker boards, reached through a pseudo-terminal; where a host polls them, the agent can only listen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.twin.board_speech import Cabinet
from agent.twin.boards import Boards
from agent.twin.pty_line import PtyLine, PtyWire
from agent.twin.servers import Manners
from drivers.lockers import Language

TURNAROUND_S = 0.01
"""What a board takes to begin its answer."""

_CHUNK = 4096


class BoardWire(PtyWire):
    """The boards of one bus, by number, all of one language: a `Wire` of the twin.

    With `host_period_s` a host asks every board so often, as the computer of a cabinet does, and the agent's end hears
    both. What the agent says on such a line disturbs the host: `intruded` counts those bytes.
    """

    def __init__(
        self, language: Language, cabinets: Mapping[int, Cabinet], link: Path, host_period_s: float | None = None
    ) -> None:
        super().__init__(link)
        self.manners = Manners(tuple(cabinets))
        self.boards = Boards(language, cabinets)
        self.intruded = 0
        self._host_period_s = host_period_s
        self._fd = -1
        self._host: asyncio.Task[None] | None = None

    @property
    def read(self) -> bool:
        """Whether somebody takes what a host's line says; asked again and again, it tells whether anybody is there."""
        return self.plugged and self._line is not None and not self._line.unread

    async def start(self) -> None:
        """Begin to serve, and to poll where there is a host."""
        self._line = PtyLine(self._link)
        self._fd = os.open(self._line.server_port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._fd, self._agent_said)
        self._line.plug()
        if self._host_period_s is not None:
            self._host = asyncio.create_task(self._poll(self._host_period_s))

    async def close(self) -> None:
        if self._line is None:
            return
        if self._host is not None:
            self._host.cancel()
            with suppress(asyncio.CancelledError):
                await self._host
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._line.close()
        self._line = self._host = None

    def say(self, octets: bytes) -> None:
        """Put bytes on the line now, as a board does that reports a change."""
        if self._line is not None:
            self._line.say(octets)

    def _agent_said(self) -> None:
        try:
            octets = os.read(self._fd, _CHUNK)
        except OSError:
            return
        if self._host is not None:
            self.intruded += len(octets)
        else:
            self._answer(octets)

    def _answer(self, octets: bytes) -> None:
        loop = asyncio.get_running_loop()
        for board, delay_s, reply in self.boards.replies(octets):
            if packet := self.manners.pass_on(board, reply, self.say):
                loop.call_later(TURNAROUND_S + delay_s, self.say, packet)

    async def _poll(self, period_s: float) -> None:
        """Ask every board in turn, for ever."""
        spoken, cabinets = self.boards.language, self.boards.cabinets
        asks = [ask for board, one in cabinets.items() for ask in spoken.asks(board, len(one.closed))]
        while True:
            for ask in asks:
                query = ask.request(0)
                self.say(query)
                self._answer(query)
                await asyncio.sleep(period_s / len(asks))

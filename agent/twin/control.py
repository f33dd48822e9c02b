"""The twin's control socket: one JSON object a line in, one a line out; nothing said to it ends it but `stop`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from agent.json_talk import Json, JsonTalk
from agent.twin.command_words import CommandError
from agent.twin.commands import obey
from agent.twin.site import READ_WITHIN_S, Twin

SOCKET = "twin.sock"
LONGEST_LINE = 1 << 16


class Control:
    """Serves the socket `path` for `twin`, readable for nobody but us."""

    def __init__(self, twin: Twin, path: Path) -> None:
        self._twin = twin
        self._path = path
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises OSError where that cannot be."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._welcome, self._path, limit=LONGEST_LINE)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """End every talk and take the socket away."""
        if self._server is not None:
            self._server.close()
            for talk in tuple(self._talks):
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
            self._path.unlink(missing_ok=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await _line(reader):
                writer.write(json.dumps(await self.answer(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def answer(self, line: bytes) -> Json:
        """What is said to `line`, whatever it holds: `{"ok": true, ...}`, or `{"error": why}` and nothing was done."""
        try:
            return await obey(self._twin, json.loads(line))
        except CommandError as error:
            return {"error": str(error)}
        except (ValueError, RecursionError):
            return {"error": "this is no JSON"}


class Remote(JsonTalk):
    """The other end of the socket, for programs that play with a twin. Raises OSError where none listens."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, READ_WITHIN_S + 5.0)

    def ask(self, do: str, **words: object) -> Json:
        """Say one command and wait for its reply. Raises CommandError with the twin's reason."""
        reply = self.exchange({"do": do} | words)
        if "error" in reply:
            raise CommandError(reply["error"])
        return reply


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; empty at the end, and after a line so long that nobody can know where it ends."""
    try:
        return await reader.readline()
    except ValueError:
        return b""

"""Where a bureau's tables lie: an SQLite file for one machine, PostgreSQL for a centre. `opener` reads the address."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from agent.bureau.connection import BarredError, Cursor, StoreError
from agent.bureau.store import Opener, Store

if TYPE_CHECKING:
    import psycopg

_BUSY_S = 30.0
SILENT_S = 20
"""A PostgreSQL whose machine is gone hangs up on nobody: one that acknowledges no byte for so long is connected to anew
(tcp(7), TCP_USER_TIMEOUT). Left to itself Linux waits for a quarter of an hour, and for two where nothing is sent."""
_CACHE_KB = 512
"""SQLite fills its cache of pages and never empties it: of its own two megabytes the last are filled by a backlog."""


class AddressError(Exception):
    """The address of a store that is none; the text says what it should be."""


def opener(address: str) -> Opener:
    """How to open the store at `sqlite:PATH` or `postgresql://[USER@]HOST[:PORT]/NAME`. Raises AddressError.

    A PostgreSQL password never stands in an address: libpq finds it in ~/.pgpass (mode 0600) or PGPASSFILE.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite" and rest:
        return lambda: Store(SqliteDatabase(Path(rest)))
    if scheme in {"postgresql", "postgres"}:
        _demand_no_password(address)
        return lambda: Store(PostgresDatabase(address))
    raise AddressError(f"{scheme or address!r} is no store; write sqlite:PATH or postgresql://HOST/NAME")


def kept_at(address: str) -> bool:
    """Whether something may be kept at that sound address: an SQLite file is there, or a server would have to say.

    Raises BarredError.
    """
    scheme, _, rest = address.partition(":")
    return scheme != "sqlite" or _is_there(Path(rest))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError as error:
        raise BarredError(error.strerror) from error


def _demand_access(path: Path) -> None:
    """SQLite says "unable to open" of whatever is in its way; it writes beside the file also where one only reads."""
    wanted = {path.parent: os.W_OK | os.X_OK, path: os.R_OK | os.W_OK}
    if any(_is_there(one) and not os.access(one, how) for one, how in wanted.items()):
        raise BarredError(os.strerror(errno.EACCES))


def _demand_no_password(address: str) -> None:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise AddressError(f"no address of a PostgreSQL server: {error}") from None
    if parts.password is not None or "password" in parts.query:
        raise AddressError("a password does not belong into an address; put it into ~/.pgpass (mode 0600)")


class _Answer(NamedTuple):
    """Read to its end: SQLite meets a damaged page only when it is asked for the rows that lie there."""

    rowcount: int
    rows: list[Any]

    def fetchall(self) -> list[Any]:
        return self.rows


class SqliteDatabase:
    """An SQLite file in WAL mode, each transaction flushed: what was acknowledged survives a power cut."""

    def __init__(self, path: Path) -> None:
        _demand_access(path)
        try:
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error

    def execute(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        try:
            cursor = self._connection.execute(statement, values)
            return _Answer(cursor.rowcount, cursor.fetchall())
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # IMMEDIATE: a reader that becomes a writer half-way would be refused instead of waiting its turn.
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class PostgresDatabase:
    """A PostgreSQL server through psycopg (the extra `bureau`); a lost connection is opened anew."""

    def __init__(self, address: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise StoreError("PostgreSQL needs psycopg and libpq: pip install 'psycopg>=3.2,<4'") from error
        self._psycopg = psycopg
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None
        self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = self._psycopg.connect(_not_for_ever(self._address), autocommit=True)
            except self._psycopg.Error as error:
                raise StoreError(_plain(error)) from error
            # Whatever the server's own default is: under a stricter one who comes second is refused instead of waiting.
            self._connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        return self._connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        try:
            cursor = self._connect().execute(statement.replace("?", "%s").encode(), values)
        except self._psycopg.Error as error:
            raise StoreError(_plain(error)) from error
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            with self._connect().transaction():
                yield
        except self._psycopg.Error as error:
            raise StoreError(_plain(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _not_for_ever(address: str) -> str:
    """The address, and when libpq gives up a silent server, where that does not say so itself."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    probe_s = max(SILENT_S // 4, 1)
    probes = {"keepalives_idle": probe_s, "keepalives_interval": probe_s, "tcp_user_timeout": 1000 * SILENT_S}
    return make_conninfo("", **{"connect_timeout": SILENT_S, **probes, **conninfo_to_dict(address)})


def _plain(error: Exception) -> str:
    """The first line of what PostgreSQL says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]

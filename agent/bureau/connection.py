"""A connection to a database, as much of it as the bureau's store needs; what lies behind it is no matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class StoreError(Exception):
    """The database is away or refuses; the text says why, for people. Nothing of the batch was kept."""


class BarredError(StoreError):
    """This user may not open the database."""


class Cursor(Protocol):
    """The part of a DB-API cursor that is used."""

    @property
    def rowcount(self) -> int: ...

    def fetchall(self) -> list[Any]: ...


class Database(Protocol):
    """A connection to one database, for one thread. Its methods raise StoreError."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> Cursor: ...

    def transaction(self) -> Any:
        """A context manager: everything in it becomes durable on leaving it, or nothing does."""
        ...

    def close(self) -> None: ...

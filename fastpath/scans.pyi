from collections.abc import Iterable, Sequence
from typing import final

from fastpath.scan_rules import FIELD_NAMES as FIELD_NAMES
from fastpath.scan_snapshot import Snapshot as Snapshot

COLUMN_NAMES: tuple[str, ...]
BAD_NAMES: tuple[str, ...]

@final
class Source:
    def __new__(
        cls,
        *,
        lane: int,
        terminator: bytes = ...,
        start: bytes = ...,
        separator: bytes = ...,
        fields: Sequence[str] = ...,
        no_read: Iterable[str] = ...,
        heartbeat: Iterable[str] = ...,
        multi: Iterable[str] = ...,
        joiner: bytes = ...,
        aim: bool = ...,
        code_least: int = ...,
        code_most: int = ...,
        confidence_least: int = ...,
        line_most: int = ...,
    ) -> Source: ...
    @property
    def lane(self) -> int: ...

@final
class ScanCounter:
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def tick_ms(self) -> int: ...
    @property
    def totals(self) -> memoryview[int]: ...
    @property
    def carrier_totals(self) -> memoryview[int]: ...
    @property
    def chute_totals(self) -> memoryview[int]: ...
    def __new__(
        cls,
        *,
        lanes: int,
        chutes: int,
        key: bytes,
        carriers: Sequence[tuple[str, str, int, int]] = ...,
        s10: str = ...,
        numeric: str = ...,
        live_codes: int = ...,
        duplicate_ms: int = ...,
        loop_ms: tuple[int, int] | None = ...,
    ) -> ScanCounter: ...
    def feed(self, source: Source, octets: bytes, now_ms: int) -> None: ...
    def feed_buffer(self, source: Source, octets: bytearray, length: int, now_ms: int) -> None: ...
    def advance(self, now_ms: int) -> None: ...
    def cut(self, source: Source) -> None: ...
    def finish(self) -> bool: ...
    def take(self) -> Snapshot | None: ...

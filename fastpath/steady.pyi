from typing import Any, Generic, Protocol, TypeVar, type_check_only

from typing_extensions import disjoint_base

@type_check_only
class Moment(Protocol):
    """Seconds on the boot-time clock of boot `boot_id`."""

    @property
    def boot_id(self) -> str: ...
    @property
    def boot_s(self) -> float: ...

@type_check_only
class Rule(Protocol):
    """What is declared of a counter; `within` is the most it can count in a time, `blind` what proves nothing."""

    @property
    def modulus(self) -> int: ...
    @property
    def max_rate_per_s(self) -> float: ...
    @property
    def period_s(self) -> float: ...
    @property
    def latency_s(self) -> float: ...
    @property
    def watched_s(self) -> float: ...
    @property
    def blind(self) -> int: ...
    def within(self, elapsed_s: float) -> int: ...

_M = TypeVar("_M", bound=Moment)
_E = TypeVar("_E")

@disjoint_base
class SteadyCount(Generic[_M, _E]):
    base: int
    lo: int
    hi: int | None
    total: int
    earlier: tuple[int, int | None, int] | None
    unseen: int
    breaks: int
    raw: int
    at: _M | None
    refused_s: float | None
    estimated_s: float | None
    def __init__(self, rule: Rule) -> None: ...
    @classmethod
    def __class_getitem__(cls, moment_and_event: Any) -> Any: ...
    @property
    def period_s(self) -> float: ...
    @property
    def watched_s(self) -> float: ...
    def advance(self, raw: int, at: _M) -> tuple[_E, ...]: ...
    def consider(self, raw: int, at: _M) -> tuple[_E, ...]: ...
    def fresh(self, at: Moment) -> bool: ...
    def refusing(self, at: Moment) -> bool: ...

"""Who the site is and what it is in the network of parcels: its rank, its tier, its firm, its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["province_hub", "city_hub", "hub", "outlet", "locker", "temporary"]
Tier = Literal["trunk", "hub", "lastmile"]

_LAST_MILE: frozenset[Level] = frozenset(("outlet", "locker"))


@dataclass(frozen=True, slots=True)
class Site:
    """Who this is: `id` is a topic level, province and city are GB/T 2260 codes of two and four digits.

    A `hub` is one whose rank nobody has said. `carrier` is the firm's code, "" where nobody has said it. `upstream` and
    `downstream` are the sites that parcels come from and go to, each as `province/city/site`, as in topics. A temporary
    site is there until the local day `valid_until` (ISO 8601) is over, "" where that is open.
    """

    id: str
    name_zh: str
    name_en: str
    province: str
    city: str
    level: Level
    carrier: str = ""
    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    valid_until: str = ""

    @property
    def path(self) -> str:
        """`province/city/id`, as in topics: no other site in the country has it."""
        return f"{self.province}/{self.city}/{self.id}"

    @property
    def tier(self) -> Tier:
        """Where in the network its sorting is done. A temporary site stands in for a hub. Its docks are of the trunk
        and its lockers of the last mile, whatever it is."""
        return "lastmile" if self.level in _LAST_MILE else "hub"

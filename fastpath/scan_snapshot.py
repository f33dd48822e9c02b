"""What was counted in some whole seconds, as the counter hands it over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What was counted from `first_second` to `last_second`; its arrays live until the counter's next `take`.

    `cells[lane, chute, class]` are new codes; `rows[lane, column]` lines by COLUMN_NAMES; `peaks[lane]` the most passes
    (new and recirculated) of one second, the last of all lanes together. `forgotten`: codes pushed out of a full table
    before their windows ended, each of which may have been counted as new once too often.
    """

    first_second: int
    last_second: int
    forgotten: int
    clock_steps: int
    octets: int
    cells: memoryview[int]
    rows: memoryview[int]
    peaks: memoryview[int]

"""A locker as messages: its figures, its state, and where its operator allows it each door."""

from __future__ import annotations

from collections.abc import Iterator

from agent.load.locker import DoorEvent, LockerLoad
from agent.load.metric_rows import LOCKER, SHARE
from agent.uplink.contract import Head, Json, Message, compact, wall_ms
from config.locker_settings import SIZES, Locker

UNITS = {
    **LOCKER.units(),
    **SHARE.units(),
    **{field: unit for size in SIZES for field, unit in SHARE.units(f"{size}_").items()},
    "events": "since the epoch began, per stream: <locker>.door.opened, <locker>.parcel.delivered, .parcel.collected",
}


def telemetry(head: Head, locker: str, load: LockerLoad, compartments: Json) -> Message:
    """What a locker is and did. `events` are the authoritative counts; `compartments` are the `shares` of the load."""
    fields = {**head.fields(load.quality), **compartments, **LOCKER.fields(load)}
    return Message(
        f"locker/{locker}/telemetry", compact({**fields, "stay_q": load.stay_quality, "events": load.streams})
    )


def state(head: Head, locker: str, load: LockerLoad, compartments: Json) -> Message:
    """What its compartments are now; retained, on change."""
    boards = {"boards": load.boards, "boards_heard": load.boards_heard}
    fields = {**head.fields(load.quality), **compartments, **boards}
    return Message(f"locker/{locker}/state", compact(fields), retain=True)


def door(head: Head, locker: str, event: DoorEvent) -> Message:
    """What happened to one compartment, and when."""
    at_ms = wall_ms(head.at) - round(1000 * (head.at.boot_s - event.at_s))
    fields = head.fields() | {"compartment": event.compartment, "what": event.what, "at": at_ms}
    return Message(f"locker/{locker}/door", compact(fields))


def shares(load: LockerLoad) -> Json:
    """The compartments, all of them and by size."""
    fields = SHARE.fields(load.all)
    for size, share in load.by_size.items():
        fields |= SHARE.fields(share, f"{size}_")
    return fields


def described(lockers: tuple[Locker, ...]) -> Iterator[Json]:
    """What `meta` says of each locker."""
    for one in lockers:
        compartments = sum(len(board.compartments) for board in one.boards)
        yield {
            "id": one.id,
            "name_zh": one.name_zh,
            "name_en": one.name_en,
            "tier": "lastmile",
            "compartments": compartments,
            "overdue_h": one.overdue_h,
        }

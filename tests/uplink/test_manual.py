"""The bureau's manual names each topic, each kind of event and each word of health that an agent publishes, and none
that it does not."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from board_files import BoardFiles

from agent import clock
from agent.bus.counts import BusCounts
from agent.load.instant import Instant
from agent.load.metric_rows import GROUPS
from agent.machine import Machine
from agent.polls import Polls
from agent.scans.inlet import InletState
from agent.uplink import late, reports, resend, thin
from agent.uplink.contract import Head
from agent.uplink.spool import Books, Condition, Room, Spool
from agent.uplink.status import UplinkStatus
from config.locker_settings import SIZES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path.read_text("utf-8") for path in sorted((ROOT / "agent").rglob("*.py"))]
MANUALS = ("bureau.md", "bureau.zh-CN.md")
RECORDS = {"line/*/hour", "dev/*/hour", "dev/*/day", "dev/hour", "dev/day", "hour", "shift", "wave", "day", "season"}
"""Topics that end with the kind of a period."""

VALUES = {"disk", "ram"}
"""What `place` can be."""


def text(manual: str) -> str:
    return (ROOT / "docs" / manual).read_text("utf-8")


def section(manual: str, *titles: str) -> str:
    """What stands under one of these headings, up to the next heading."""
    found = re.split(rf"^#+ (?:{'|'.join(titles)})$", text(manual), flags=re.MULTILINE)[1]
    return re.split(r"^#+ ", found, flags=re.MULTILINE)[0]


def published() -> Iterator[str]:
    """The topic of every `Message(…)` that is written down, a name in it as `*`."""
    for source in SOURCES:
        for call in ast.walk(ast.parse(source)):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Message":
                tail = call.args[0]
                yield from map(_template, (tail.body, tail.orelse) if isinstance(tail, ast.IfExp) else (tail,))


def _template(tail: ast.expr) -> str:
    if isinstance(tail, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in tail.values)
    return str(tail.value) if isinstance(tail, ast.Constant) else ""


@pytest.mark.parametrize("manual", MANUALS)
def test_the_table_of_topics_has_every_topic_that_is_published_and_no_other(manual: str) -> None:
    first_cells = re.findall(r"^\| (`.*?) \|", section(manual, "Topics", "主题"), re.MULTILINE)
    told = {re.sub(r"\{[^}]*\}", "*", topic) for cell in first_cells for topic in re.findall(r"`([^`]+)`", cell)}
    assert told == {*published(), *RECORDS, late.TAIL, thin.TAIL} - {"", "*/*", "line/*/*"}


@pytest.mark.parametrize("manual", MANUALS)
def test_the_row_of_events_names_every_kind_of_event(manual: str) -> None:
    (row,) = re.findall(r"^\| `line/\{[^}]*\}/event`.*$", section(manual, "Topics", "主题"), re.MULTILINE)
    kinds = re.findall(r'"event": "(\w+)"(?: if .+? else "(\w+)")?', "\n".join(SOURCES))
    assert {kind for pair in kinds for kind in pair if kind} <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("manual", MANUALS)
def test_what_is_said_of_health_is_what_it_holds(manual: str, tmp_path: Path) -> None:
    at = Instant("12345678-aaaa", clock.boot_seconds() + 60.0, 1_800_000_000.0, "ntp")
    spool = Spool.open(tmp_path / "spool", 4 << 20)
    machine = Machine(spool, tmp_path, BoardFiles(tmp_path).root)
    machine.watch(at.boot_s)
    polls = Polls()
    polls.answered("of", 0.1, usable=True)
    polls.missed("of", "exception_2")
    polls.noticed("of", "wrap")
    polls.noticed("of", "reset")
    told = reports.health(
        Head(at, "3-abcdef", 17),
        600.0,
        Books(1, 1, 0, 0, 0),
        Condition("disk", ""),
        UplinkStatus(True, 1.0, "5", "", 1, 2, 3, 4, (), 0, False, False, 0),
        {"of": BusCounts(*range(1, len(fields(BusCounts)) + 1)).nonzero()},
        {"of": {one.name: 0 for one in fields(InletState)}},
        Room(100, 10, 10, 10),
        {"of": 1},
        {"of": 1},
        0.1,
        0.1,
        machine.report(at),
        polls.report(),
        0.1,
    )
    holds = names(json.loads(told.payload)) - Head(at, "3-abcdef", 17).fields().keys() - {"of"}
    said = set(re.findall(r"`([a-z0-9_]+)`", section(manual, "Health", "运行状况")))
    assert said == holds | VALUES


@pytest.mark.parametrize("manual", MANUALS)
def test_every_field_of_a_printed_message_is_one_that_is_published(manual: str) -> None:
    known = set(re.findall(r'"([a-z_]+)"', "\n".join(SOURCES)))
    known |= {f"{before}{one.field}" for group, before in GROUPS.values() for one in group}
    known |= {f"{role}_{one.field}" for role, _ in reports.ROLES for one in GROUPS["flow"][0]}
    known |= {f"{role}_d" for role, _ in reports.ROLES} | {f"{one}_total" for one in ("in", "out")}
    known |= {f"{size}_{one.field}" for size in SIZES for one in GROUPS["share"][0]}
    known |= {one.field for one in GROUPS["share"][0]}
    for example in re.findall(r"```json\n(.*?)```", text(manual), re.DOTALL):
        printed = set(re.findall(r'"([a-z_0-9]+)":', example))
        assert printed <= known, printed - known


@pytest.mark.parametrize("manual", MANUALS)
def test_every_reason_for_which_an_order_is_refused_and_a_message_is_gone_is_explained(manual: str) -> None:
    orders = "\n".join(path.read_text("utf-8") for path in (ROOT / "agent" / "orders").glob("*.py"))
    refused = set(re.findall(r'RefusedError\("(\w+)"', orders))
    rows = re.findall(r"^\| (`.*?) \|", section(manual, "Orders", "命令"), re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"`(\w+)`", row)} >= refused
    resends = section(manual, "Receipts and resend", "回执与补发")
    for why in (
        *(resend.NOT_KEPT, resend.LOST, resend.NOT_TAKEN, resend.NOT_HERE, resend.NOT_BEGUN, resend.OTHER_RUN),
        *(resend.UNREAD, resend.RETAINED, thin.FULL, thin.TOO_LARGE),
    ):
        assert f"`{why}`" in resends, why


def names(document: object) -> set[str]:
    """Every name in it, however deep."""
    if not isinstance(document, dict):
        return set()
    return document.keys() | {name for inside in document.values() for name in names(inside)}

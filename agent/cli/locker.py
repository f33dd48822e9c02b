"""Look at lockers, and learn by hand which channel is which door and which way round its contact is.

  hubpulse locker show                 every compartment, live
  hubpulse locker learn west           "open door 7 by hand, press Enter"; prints the TOML to paste
  hubpulse locker learn locker-line --language kerong_cu16 --address 1

It asks the running agent; when none runs it reads the boards itself. Only status is ever asked: nothing here can open a
door.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from agent import clock
from agent.cli.commissioning import add_agent_options, complain
from agent.cli.quantities import whole
from agent.cli.speech import chosen_language, say
from agent.commission import ComplaintError
from config.messages import Language, word

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from agent.lockers.sight import Sight

HEAR_S = 15.0
_REDRAW_S = 0.5
_COLUMNS = ("compartment", "size", "door", "item", "usage", "fault", "stay")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=("show", "learn"), metavar="show|learn", help="show compartments, or learn doors by hand"
    )
    parser.add_argument("name", nargs="?", metavar="LOCKER|BUS", help="one locker, or the boards of a bus (all)")
    parser.add_argument("--once", action="store_true", help="show once and end")
    parser.add_argument("--language", metavar="NAME", help="learn: of boards that stand in no settings")
    parser.add_argument("--address", metavar="N,N", default="", help="learn: their addresses")
    parser.add_argument(
        "--channels", type=whole(1, 255), metavar="N", help="learn: how many channels each has (all it can have)"
    )
    add_agent_options(parser)


def run(args: argparse.Namespace) -> int:
    from agent.cli.locker_choice import chosen, sight_of

    lang = chosen_language(args.lang, sys.stdout)
    try:
        lockers, buses = chosen(args)
        with closing(sight_of(args, lockers, buses)) as sight:
            if args.what == "show":
                return _show(args, lang, sight, [locker.id for locker in lockers])
            from agent.cli.locker_learn import Class

            return Class(args, lang, sight, [board for locker in lockers for board in locker.boards]).run()
    except ComplaintError as complaint:
        return complain(f"locker {args.what}", complaint, lang, as_json=args.json)
    except KeyboardInterrupt:
        return 130


# --- show ---


def _show(args: argparse.Namespace, lang: Language, sight: Sight, names: list[str]) -> int:
    if sys.stdout.isatty() and not (args.once or args.json):
        _live(lang, sight, names)
        return 0
    told = _known(sight, names)
    lockers = {name: told["lockers"][name] for name in names}
    if args.json:
        say(json.dumps({"lockers": lockers}, ensure_ascii=False))
    else:
        from rich.console import Console

        for name, compartments in lockers.items():
            Console().print(table(name, compartments, lang))
    return 0


def _known(sight: Sight, names: list[str]) -> Mapping[str, Any]:
    """The first look at which each door is known, or why it is not."""
    until_s = clock.boot_seconds() + HEAR_S
    while True:
        told = sight.look()
        doors = [(one["door"], one["fault"]) for name in names for one in told["lockers"].get(name, ())]
        if (doors and ("unknown", "none") not in doors) or clock.boot_seconds() >= until_s:
            return told
        clock.wait(_REDRAW_S)


def _live(lang: Language, sight: Sight, names: list[str]) -> None:
    from rich.columns import Columns
    from rich.console import Console
    from rich.live import Live

    with suppress(KeyboardInterrupt), Live(console=Console(), auto_refresh=False, screen=False) as live:
        while True:
            told = sight.look()
            drawn = [table(name, told["lockers"].get(name, ()), lang) for name in names]
            live.update(Columns(drawn, padding=(0, 3)), refresh=True)
            clock.wait(_REDRAW_S)


def table(name: str, compartments: Any, lang: Language) -> RenderableType:
    """The compartments of one locker, on a phone without their sizes and how long a parcel has lain."""
    from agent.fitting import FirstThatFits

    few = [column for column in _COLUMNS if column not in {"size", "stay"}]
    return FirstThatFits(tuple(_table(name, compartments, lang, columns) for columns in (_COLUMNS, few)))


def _table(name: str, compartments: Any, lang: Language, columns: Sequence[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=name, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold dim")
    for column in columns:
        drawn.add_column(word(f"locker_{column}", lang), justify="right" if column == "compartment" else "left")
    for one in compartments:
        usage = one["usage"]
        style = {"occupied": "cyan", "faulty": "bold red", "unknown": "dim"}.get(usage or "", "")
        if one["fault"] != "none":
            style = style or "bold red"
        cells: dict[str, str] = dict(zip(_COLUMNS, _cells(one, lang), strict=True))
        drawn.add_row(*(Text(cells[column], style) for column in columns))
    return drawn


def _cells(one: Mapping[str, Any], lang: Language) -> list[str]:
    usage, stay_s = one["usage"], one["stay_s"]
    return [
        str(one["number"]),
        one["size"] or "",
        word(f"door_{one['door']}", lang),
        "–" if usage is None else word(f"item_{one['item']}", lang),
        "–" if usage is None else word(f"usage_{usage}", lang),
        word(f"fault_{one['fault']}", lang),
        "" if stay_s is None else f"{stay_s / 3600:.1f} h",
    ]

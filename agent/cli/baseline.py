"""Tell the running agent how many parcels a stock-take found on the floor, so that its backlog begins anew from there.

Count when the floor is quiet, at the end of a shift, and run it at once: what is unloaded and loaded after that is
counted on. It changes nothing else. The stock-take goes to the bureau as an event, with who took it.
"""

from __future__ import annotations

import argparse
import json
import sys

from agent.cli import local_order
from agent.cli.quantities import whole
from agent.cli.speech import chosen_language
from config.messages import word


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "parcels", type=whole(0, 100_000_000), metavar="PARCELS", help="how many parcels are on the floor now"
    )
    local_order.add_by(parser)
    local_order.add_agent(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    words = {"parcels": args.parcels, "by": args.by or local_order.user()}
    said = local_order.ask(args, lang, "baseline", words, ("E2721", "E2722"), {"refused": "E2722"})
    if said is None:
        return 1
    if args.json:
        print(json.dumps({"parcels": said["parcels"], "before": said["before"]}))
    else:
        before = "–" if said["before"] is None else said["before"]
        print(word("baseline_taken", lang, parcels=args.parcels, before=before))
    return 0

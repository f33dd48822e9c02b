"""Which sites of a store are meant: a province, a city or a site, as in topics, and `+` for any of a level."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from agent.cli.speech import spoken
from config.messages import word

_LEVELS = 3
_FEW = 5
_LEVEL = re.compile(r"\+|[a-z0-9-]{1,32}")


@dataclass(frozen=True, slots=True)
class Sites:
    """`levels` are what the beginning of a site's `province/city/id` must be; none: every site."""

    levels: tuple[str, ...] = ()

    def __contains__(self, site: str) -> bool:
        return all(level in {"+", has} for level, has in zip(self.levels, site.split("/"), strict=False))

    def __str__(self) -> str:
        return "/".join(self.levels)

    def alike(self, known: Iterable[str]) -> list[str]:
        """Of the places that sites of that depth lie in those that are written like this one; else the first."""
        places = sorted({"/".join(site.split("/")[: len(self.levels)]) for site in known})
        return get_close_matches(str(self), places, _FEW) or places[:_FEW]


EVERY = Sites()


def add_sites(parser: argparse.ArgumentParser) -> None:
    """The option --site of a verb that tells of many."""
    parser.add_argument(
        "--site", type=_sites, default=EVERY, metavar="PROV[/CITY[/SITE]]", help="only these; + is any of a level"
    )


def _sites(text: str) -> Sites:
    levels = tuple(text.split("/"))
    if len(levels) > _LEVELS or not all(map(_LEVEL.fullmatch, levels)):
        raise argparse.ArgumentTypeError(word("typed_no_sites", spoken(), text=text))
    return Sites(levels)


def one_site(text: str) -> str:
    """The type of an option that names a single site in full."""
    if len(text.split("/")) != _LEVELS or "+" in text or not all(map(_LEVEL.fullmatch, text.split("/"))):
        raise argparse.ArgumentTypeError(word("typed_no_single_site", spoken(), text=text))
    return text

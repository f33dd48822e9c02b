"""Which spool is this site's: what lies there under another site's name is neither sent nor counted as this one's.

A message is (site, epoch, seq), and a spool holds epochs and numbers only: whoever sends them gives them their site.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from agent import log
from agent.baselines import Baselines
from agent.uplink.spool import Spool
from config.settings import Settings


class OwnSpool(NamedTuple):
    """This site's spool, where it lies, and what the run before handed over."""

    spool: Spool
    directory: Path
    past: Baselines

    def named_in(self, settings: Settings) -> Settings:
        """The settings with the folder where it truly lies, for whoever tells people of it."""
        return replace(settings, spool=replace(settings.spool, directory=self.directory))


def own_spool(settings: Settings) -> OwnSpool:
    """The spool in the directory of the settings; one below it where that one is another site's, which is left as it is
    and goes on where it stood once the settings name that site again. Raises SpoolLockedError."""
    directory, most_bytes, site = settings.spool.directory, settings.spool.max_bytes, settings.site.path
    found = _opened(directory, most_bytes)
    if found.past.site in {"", site}:
        return found
    waiting = found.spool.books().held
    found.spool.close()
    below = directory / site.replace("/", "-")
    log.warn("spool_of_another_site", spool=directory, site=found.past.site, waiting=waiting, using=below)
    return _opened(below, most_bytes)


def _opened(directory: Path, most_bytes: int) -> OwnSpool:
    spool = Spool.open(directory, most_bytes)
    try:
        past = Baselines.decode(spool.state)
    except ValueError as error:
        log.warn("baselines_unreadable", reason=error)
        past = Baselines()
    return OwnSpool(spool, directory, past)

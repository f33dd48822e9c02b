"""The folder that a verb of ./dev is told to write to: made, or refused in a sentence, before anything else begins."""

from __future__ import annotations

import argparse
from pathlib import Path


def make(parser: argparse.ArgumentParser, option: str, folder: Path, *, new: bool = False) -> None:
    """Make `folder`; where that cannot be, or it must be `new` and is there, say so and end with 2."""
    try:
        folder.mkdir(parents=True, exist_ok=not new)
    except FileExistsError:
        what = "is there already; name a new folder" if new else "is no folder; name another"
        parser.error(f"argument {option}: {folder} {what}")
    except OSError as refusal:
        parser.error(f"argument {option}: {folder} cannot be made: {refusal.strerror}; name another folder")

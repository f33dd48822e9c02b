"""Reads whom a site obeys: [commands]."""

from __future__ import annotations

import re
from typing import get_args

from config.order_settings import Algorithm, Commands
from config.table import Table

_ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
_CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def commands(table: Table) -> Commands:
    """Every key has a default: without the table, orders are obeyed unsigned."""
    made = Commands(
        require_signature=table.flag("require_signature", False),
        algorithm=table.choice("algorithm", "hmac-sha256", _ALGORITHMS),
        key_file=table.path("key_file", None),
        key_credential=table.text("key_credential", None, _CREDENTIAL),
        trust_rtc=table.flag("trust_rtc", False),
    )
    if "key_file" in table and "key_credential" in table:
        table.fault("key_credential", "E2215", first="key_file", second="key_credential")
    if made.require_signature and not made.has_key and table.faultless("key_file", "key_credential"):
        table.fault("require_signature", "E2750")
    table.end()
    return made

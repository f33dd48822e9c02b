"""Who the site is, how it is known at the bureau, and where its messages wait."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import get_args

from config.hosts import is_host, is_loopback
from config.regions import PROVINCES
from config.reporting_settings import USUAL_S
from config.site_settings import Level, Site
from config.table import ID, Table
from config.uplink_settings import Bureau, Spool, Tls

_LEVELS: tuple[Level, ...] = get_args(Level)
_PROVINCE, _CITY = re.compile("|".join(PROVINCES)), re.compile("[0-9]{4}")
_NEIGHBOUR = re.compile(rf"(?P<province>{_PROVINCE.pattern})/(?P<city>[0-9]{{4}})/{ID.pattern}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SPOOL = Path("/var/lib/hubpulse/spool")
_MIB = 2**20


def site(table: Table) -> Site:
    """The site's own table; a name left out is the other language's, or the id."""
    table.require("id", "province", "city", "level")
    site_id = table.text("id", "", ID, "E2217")
    province = table.text("province", "", _PROVINCE, "E2218")
    city = table.text("city", "", _CITY, "E2219")
    if province and city and not city.startswith(province):
        table.fault("city", "E2220", value=city, province=province)
    level = table.choice("level", "hub", _LEVELS)
    if level != "temporary" and "valid_until" in table and table.sound("level"):
        table.refuse("valid_until", "E2226")
    name_zh, name_en = table.text("name_zh", ""), table.text("name_en", "")
    made = Site(
        id=site_id,
        name_zh=name_zh or name_en or site_id,
        name_en=name_en or site_id,
        province=province,
        city=city,
        level=level,
        carrier=table.text("carrier", "", ID, "E2225"),
        upstream=_neighbours(table, "upstream", (province, city, site_id)),
        downstream=_neighbours(table, "downstream", (province, city, site_id)),
        valid_until=_until(table),
    )
    table.end()
    return made


def _neighbours(table: Table, key: str, own: tuple[str, str, str]) -> tuple[str, ...]:
    """Sites as `province/city/site`; one that is written as an id alone is of the same city."""
    found: dict[str, None] = {}
    for written in table.texts(key):
        named = _NEIGHBOUR.fullmatch(written.text)
        path = "/".join((*own[:2], written.text)) if ID.fullmatch(written.text) else written.text
        if not (ID.fullmatch(written.text) or (named and named["city"].startswith(named["province"]))):
            table.fault_at(written.place, key, "E2224", value=written.text)
        elif path in found or path == "/".join(own):
            table.fault_at(written.place, key, "E2227", value=written.text)
        else:
            found[path] = None
    return tuple(found)


def _until(table: Table) -> str:
    text = table.text("valid_until", "", re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}"), "E2703")
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        table.fault("valid_until", "E2703", value=text)
        return ""


def bureau(table: Table) -> Bureau:
    """The broker. Where the password lies may be said, the password itself not."""
    table.require("host")
    host = table.text("host", "")
    if host and not is_host(host):
        table.fault("host", "E2211", value=host)
    tls = _tls(table, host)
    made = Bureau(
        host=host,
        port=table.whole("port", 8883 if tls else 1883, 1, 65535),
        tls=tls,
        username=table.text("username", None),
        password_file=table.path("password_file", None),
        password_credential=table.text("password_credential", None, _CREDENTIAL),
        report_s=table.number("report_s", USUAL_S["normal"], 1, 3600),
        receipts=table.flag("receipts", False),
    )
    if "password_file" in table and "password_credential" in table:
        table.fault("password_credential", "E2215", first="password_file", second="password_credential")
    for key in ("password_file", "password_credential"):
        _together(table, key, "username")
    table.end()
    return made


def _tls(table: Table, host: str) -> Tls | None:
    wanted = table.flag("tls", True)
    ca_file, cert_file = table.path("ca_file", None), table.path("cert_file", None)
    key_file = table.path("key_file", None)
    _together(table, "cert_file", "key_file")
    _together(table, "key_file", "cert_file")
    if wanted:
        table.require("ca_file")
    elif table.sound("host") and not is_loopback(host):
        table.fault("tls", "E2311", host=host)
    return Tls(ca_file, cert_file, key_file) if wanted and ca_file else None


def _together(table: Table, key: str, other: str) -> None:
    if key in table and other not in table:
        table.fault(key, "E2214", other=other)


def spool(table: Table) -> Spool:
    """The spool; every key has a default."""
    made = Spool(
        directory=table.path("directory", _SPOOL),
        max_bytes=table.whole("max_mb", 256, 2, 65536) * _MIB,
        card_bytes_a_day=table.whole("max_card_mb_a_day", 1024, 16, 1_048_576) * _MIB,
    )
    table.end()
    return made

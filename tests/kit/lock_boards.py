"""A small site with one locker, as TOML."""

from __future__ import annotations

from site_text import head

SITE = (
    head("gz-test", "outlet")
    + """\
report_s = 1

[bus.west]
serial = "/dev/serial/by-path/port0"
baud = 19200

[locker.west]
name_zh = "西柜"
name_en = "West"

[locker.west.board.1]
bus = "west"
language = "kerong_cu16"
address = 1
compartments = "1-6, 8, 7"
unused = "3"
sizes = { s = "1-4", m = "5, 6", l = "7-8" }
"""
)

"""Devices that are just what their profile says, and the points a site adds by the names a PLC's programmer uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from site_text import SITE

import config
from config.bus_settings import Framing
from config.device_settings import Device

Written = Mapping[str, Mapping[str, Any]]


def site(name: str, framing: Framing, own: Written) -> str:
    """A site with a device of profile `name`, and with points of its own as they would be written there."""
    wire = 'tcp = "10.0.0.9"' if framing == "tcp" else 'serial = "/dev/serial/by-path/port9"'
    rows = [f"point.{point} = {{ {_pairs(keys)} }}" for point, keys in own.items()]
    device = f'[device.profiled]\nbus = "profiled"\nprofile = "{name}"\n'
    return f"{SITE}\n[bus.profiled]\n{wire}\n{device}" + "\n".join(rows)


def modelled(name: str, framing: Framing, own: Written, folders: Sequence[Path] = ()) -> Device:
    """The device of `site`, made by the same code that reads an operator's file; `folders` have profiles of its own."""
    report = config.check_text("site.toml", site(name, framing, own).encode(), folders)
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return next(device for device in report.settings.devices if device.id == "profiled")


def _pairs(keys: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())

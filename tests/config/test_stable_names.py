"""A port by the number of its adapter is told by the name that stays, where the adapter is plugged in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from site_text import SITE

import config
from agent import stable_names
from agent.__main__ import main


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A device file and udev's folders for it: its own name, and the root of the links."""
    ours, theirs = os.openpty()
    root, device = tmp_path / "serial", os.ttyname(theirs)
    for kind, name in (("by-id", "usb-1a86_USB_Serial-if00-port0"), ("by-path", "pci-0000:00:14.0-usb-0:2:1.0-port0")):
        (root / kind).mkdir(parents=True)
        (root / kind / name).symlink_to(device)
        (root / kind / "another").symlink_to("/dev/null")
    yield device, root
    os.close(ours)
    os.close(theirs)


def test_the_names_that_stay_are_found_by_path_first(plugged: tuple[str, Path]) -> None:
    device, root = plugged
    found = stable_names.stable_names(device, root)
    assert [name.parent.name for name in found] == ["by-path", "by-id"]
    assert [os.path.realpath(name) for name in found] == [device, device]


def test_a_port_that_is_not_there_and_a_machine_without_links_have_none(
    tmp_path: Path, plugged: tuple[str, Path]
) -> None:
    device, root = plugged
    assert stable_names.stable_names("/dev/ttyUSB99", root) == ()
    assert stable_names.stable_names(device, tmp_path / "absent") == ()
    (root / "by-path" / "dangling").symlink_to("/dev/ttyUSB99")
    assert stable_names.stable_names("/dev/ttyUSB99", root) == ()


def test_check_names_the_stable_twin_of_a_numbered_port(
    tmp_path: Path, plugged: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    device, root = plugged
    file = tmp_path / "hubpulse.toml"
    file.write_text(SITE.replace("/dev/serial/by-path/port0", "/dev/ttyUSB0"), encoding="utf-8")
    notices = tuple(notice for notice in config.check(file).notices if notice.code == "W2402")
    assert stable_names.with_stable_names(notices, root) == notices
    here = [replace(notice, parameters={**notice.parameters, "value": device}) for notice in notices]
    (told,) = stable_names.with_stable_names(here, root)
    assert (told.code, told.line) == ("W2420", notices[0].line)
    assert told.text("en").action == f'write "{root / "by-path" / "pci-0000:00:14.0-usb-0:2:1.0-port0"}"'
    assert main(["check", "--json", str(file)]) == 0
    assert "W2402" in [notice["code"] for notice in json.loads(capsys.readouterr().out)["notices"]]

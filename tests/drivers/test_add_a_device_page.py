"""What the page about new devices prints is taken as it stands: its profile, its recording, its names of a PLC."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from profiled import modelled

from config import profiles
from drivers.modbus import asks

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(params=["add-a-device.md", "add-a-device.zh-CN.md"])
def printed(request: pytest.FixtureRequest) -> dict[str, str]:
    """The page's TOML by the table that it begins with."""
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / request.param).read_text("utf-8"), re.DOTALL)
    return {block.partition("]")[0].strip("["): block for block in blocks}


def test_the_printed_profile_reads_what_the_printed_recording_says_over_each_of_its_transports(
    printed: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "acme-ct9.toml").write_text(printed["profile"], "utf-8")
    exchanges = tomllib.loads(printed["exchange"])["exchange"]
    assert {one["framing"] for one in exchanges} == set(profiles.load("acme-ct9", [tmp_path]).transports)
    for one in exchanges:
        (ask,) = asks(modelled("acme-ct9", one["framing"], {}, [tmp_path]), one["framing"])
        turn = int(one["request"][:4], 16) if one["framing"] == "tcp" else 0
        assert ask.request(turn).hex() == one["request"]
        batch = ask.answer(bytearray.fromhex(one["reply"]), turn, 0.0)
        assert batch is not None
        assert dict(zip(ask.points, batch.values, strict=True)) == one["values"]


def test_the_printed_names_of_a_plc_are_taken(printed: dict[str, str], tmp_path: Path) -> None:
    head = printed["profile"].partition("[point.")[0]
    (tmp_path / "acme-plc.toml").write_text(head + printed["notation"], "utf-8")
    named = {"one": {"ref": "D100"}, "two": {"ref": "C200"}, "three": {"ref": "X17"}, "four": {"ref": "DBW2"}}
    points = modelled("acme-plc", "tcp", named, [tmp_path]).points
    assert [(one.area, one.address, one.type) for one in points] == [
        ("holding", 100, "u16"),
        ("holding", 0xF700, "u32"),
        ("coil", 0xF800 + 0o17, "bit"),
        ("holding", 1, "u16"),
    ]

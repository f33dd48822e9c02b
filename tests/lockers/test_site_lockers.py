"""A polled locker from its boards on a serial line to the bureau's messages, and over a restart."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from lock_boards import SITE
from ptys import Adapter, Serving
from rich.console import Console

from agent import clock
from agent.__main__ import main
from agent.baselines import Baselines, Epoch
from agent.bureau.board import Board
from agent.bureau.view import View
from agent.bus import LinkChanged, Owner
from agent.control import ControlError
from agent.control.desk import Desk
from agent.control.requests import ProbeUnit
from agent.lockers.report import LockerReport
from agent.lockers.site import SiteLockers
from agent.owners import make_owners
from agent.twin.board_speech import Cabinet
from agent.twin.boards import Boards
from agent.uplink.contract import Head, Message
from config import check_text
from config.messages import Language
from config.settings import Settings
from drivers import Told
from drivers.lockers import language

QUICK = "door_steady_s = 0.05\nitem_steady_s = 0.1\n"
WITHIN_S = 60.0


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    adapter = Adapter(tmp_path / "usb-adapter")
    yield adapter
    adapter.close()


def settings_of(adapter: Adapter, extra: str = QUICK) -> Settings:
    text = SITE.replace("/dev/serial/by-path/port0", str(adapter.link)).replace(
        "address = 1", "address = 1\nperiod_s = 0.1\nsilent_s = 1"
    )
    report = check_text("site.toml", text.replace("[locker.west]\n", f"[locker.west]\n{extra}").encode())
    assert report.settings, [fault.render("en") for fault in report.faults]
    return report.settings


class Polled:
    """The lockers of a site, read by the real owner of their line."""

    def __init__(self, settings: Settings, owner: Owner) -> None:
        self.lockers = SiteLockers(settings.lockers, clock.boot_seconds())
        self.owner = owner
        self.seq = 0

    def until(self, true: Callable[[], bool]) -> None:
        """Beat until it is so."""
        end_s = clock.boot_seconds() + WITHIN_S
        while not true():
            assert clock.boot_seconds() < end_s
            self.beat()

    def beat(self) -> None:
        for outcome in self.owner.take():
            if not isinstance(outcome, LinkChanged) and self.lockers.hear(outcome):
                self.owner.hurry(outcome.device)
        self.lockers.advance(clock.now())

    def usages(self) -> list[object]:
        told: Any = self.lockers.told(clock.boot_seconds())
        return [one["usage"] for one in told["lockers"]["west"]]

    def head(self, at: object) -> Head:
        self.seq += 1
        return Head(clock.now(), "1-abcdef", self.seq)


@contextmanager
def polled(adapter: Adapter, boards: Boards, extra: str = QUICK) -> Iterator[Polled]:
    settings = settings_of(adapter, extra)
    serving = Serving(adapter.fd, boards.hear)
    lockers = SiteLockers(settings.lockers, clock.boot_seconds())
    [owner] = make_owners(settings, (), lockers)
    owner.start()
    try:
        yield Polled(settings, owner)
    finally:
        owner.stop()
        serving.close()


def cabinet() -> Cabinet:
    """Sixteen closed doors; what is on channel 3 is not wired."""
    return Cabinet([True] * 16, [channel in {1, 3, 9} for channel in range(1, 17)])


def test_a_delivery_goes_from_the_wire_to_the_bureau(adapter: Adapter) -> None:
    boards = Boards(language("kerong_cu16"), {1: cabinet()})
    with polled(adapter, boards) as site:
        site.until(lambda: "unknown" not in site.usages())
        assert site.usages() == ["occupied"] + ["free"] * 5 + ["occupied", "free"], "compartment 7 is channel 9"
        report = LockerReport(site.lockers, site.head)
        list(report.due(clock.now()))
        boards.cabinets[1].closed[1] = False
        site.until(lambda: site.lockers.models["west"].draw(clock.now()).all.door_open == 1)
        boards.cabinets[1].present[1] = True
        boards.cabinets[1].closed[1] = True
        site.until(lambda: site.lockers.models["west"].draw(clock.now()).all.occupied == 3)
        told = {message.tail: json.loads(message.payload) for message in report.due(clock.now())}
    telemetry = told["locker/west/telemetry"]
    assert telemetry["q"] == "good"
    assert telemetry["events"] == {"west.door.opened": 1, "west.parcel.delivered": 1}
    assert {name: telemetry[name] for name in ("total", "occupied", "free", "s_free", "l_free", "unknown")} == {
        "total": 8,
        "occupied": 3,
        "free": 5,
        "s_free": 2,
        "l_free": 1,
        "unknown": 0,
    }
    assert told["locker/west/state"]["free"] == 5
    query = language("kerong_cu16").asks(1, 9)[0].request(0)
    assert not bytes(boards.heard).replace(query, b""), "nothing but the status query"


def test_a_board_that_falls_silent_is_unknown_and_offline_and_comes_back(adapter: Adapter) -> None:
    boards = Boards(language("kerong_cu16"), {1: cabinet()})
    with polled(adapter, boards, QUICK) as site:
        site.until(lambda: site.lockers.presence["west_1"].online is True)
        site.until(lambda: "unknown" not in site.usages())
        boards.mishaps[1] = "silent"
        site.until(lambda: site.usages() == ["unknown"] * 8)
        assert site.lockers.presence["west_1"].online is False
        assert site.lockers.models["west"].draw(clock.now()).quality == "stale"
        boards.mishaps.clear()
        site.until(lambda: "unknown" not in site.usages())
        assert not site.lockers.models["west"].draw(clock.now()).streams


def test_what_is_known_outlives_the_process_in_the_frame_of_the_counters(adapter: Adapter) -> None:
    boards = Boards(language("kerong_cu16"), {1: cabinet()})
    with polled(adapter, boards) as site:
        site.until(lambda: "unknown" not in site.usages())
        frame = Baselines(Epoch(1, "abcdef"), 7, lockers=site.lockers.state(clock.now())).encode()
    settings = settings_of(adapter)
    again = SiteLockers(settings.lockers, clock.boot_seconds())
    again.restore(Baselines.decode(frame).lockers, clock.now())
    assert again.state(clock.now())["west"]["boards"] == json.loads(frame)["lockers"]["west"]["boards"]  # type: ignore[index]


def doors(adapter: Adapter, extra: str) -> list[Message]:
    with polled(adapter, Boards(language("kerong_cu16"), {1: cabinet()}), extra) as site:
        site.until(lambda: "unknown" not in site.usages())
        report = LockerReport(site.lockers, site.head)
        site.lockers.hear(Told("west_1", "report", ("door.2",), (False,), clock.boot_seconds()))
        site.lockers.hear(Told("west_1", "report", ("door.2",), (False,), clock.boot_seconds() + 1))
        return list(report.doors(clock.now()))


def test_a_door_stays_local_unless_the_operator_allows_more(adapter: Adapter) -> None:
    assert doors(adapter, QUICK) == []
    [message] = doors(adapter, QUICK + "door_events = true\n")
    said = json.loads(message.payload)
    assert (message.tail, message.retain) == ("locker/west/door", False)
    assert (said["compartment"], said["what"]) == (2, "opened")


def test_nobody_can_send_a_modbus_frame_to_a_bus_with_lock_boards(adapter: Adapter) -> None:
    settings = settings_of(adapter)
    owners = make_owners(settings, (), SiteLockers(settings.lockers, 0.0))
    with pytest.raises(ControlError, match="own language"):
        Desk(settings, owners, {}).answer(ProbeUnit("west", 1))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("verb", [["probe"], ["read", "1", "40001"]])
def test_boards_behind_a_converter_are_not_probed_under_its_address_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: list[str], host: str
) -> None:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as converter:
        place = f"[{host}]" if ":" in host else host
        place = f"{place}:{converter.getsockname()[1]}"
        bus = f'tcp = "{place}"\nframing = "rtu"'
        settings_file = tmp_path / "hubpulse.toml"
        settings_file.write_text(SITE.replace('serial = "/dev/serial/by-path/port0"\nbaud = 19200', bus), "utf-8")
        options = ["--settings", str(settings_file), "--control", str(tmp_path / "none.sock"), "--lang", "en"]
        assert main([verb[0], place, *verb[1:], *options]) == 75
        converter.setblocking(False)
        with pytest.raises(BlockingIOError):
            converter.accept()
    assert "E2536" in capsys.readouterr().err


@pytest.mark.parametrize(("lang", "title"), [("en", "free s/m/l/xl"), ("zh", "空闲 s/m/l/xl")])
def test_the_bureaus_view_has_a_row_for_each_locker(lang: Language, title: str) -> None:
    told = {"epoch": "1-abcdef", "seq": 1, "q": "good", "free": 3, "s_free": 1, "m_free": 2, "occupied": 5}
    view = View()
    assert view.hear("hubpulse/v1/44/4401/gz-test/locker/west/telemetry", json.dumps(told).encode())
    console = Console(width=120, file=StringIO(), record=True)
    console.print(Board(lang, "broker", "5").table(view, 0.0))
    rows = console.export_text().splitlines()
    assert any(title in row for row in rows)
    assert any("west" in row and "1/2/–/–" in row for row in rows)

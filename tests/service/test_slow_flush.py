"""A card that takes ten seconds for a flush: devices are read all the while, and the commit holds what it promises."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from fault_matrix import Figure
from slaves import TcpUnits, answers, outcomes_until, unit_device
from uplink_rig import eventually

from agent import clock
from agent.baselines import Baselines, Epoch
from agent.bus.tcp_poller import TcpOwner
from agent.clock import boot_seconds
from agent.report.commits import SLOW_S, Commits
from agent.uplink.contract import Message
from agent.uplink.spool import Spool
from agent.uplink.spool.disk import CardDisk, File
from config.bus_settings import TcpBus
from config.uplink_settings import Spool as SpoolSettings
from drivers.modbus import asks

PERIOD_S = 0.05


class SlowCard(CardDisk):
    """A real directory whose flushes of data take as long as `meanwhile`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.meanwhile: Callable[[], object] = lambda: None

    def create(self, name: str) -> File:
        return SlowFile(super().create(name), self)

    def open(self, name: str, *, writable: bool = False) -> File:
        return SlowFile(super().open(name, writable=writable), self)


class SlowFile:
    def __init__(self, file: File, card: SlowCard) -> None:
        self._file, self._card = file, card
        self.read, self.salvage, self.write, self.close = file.read, file.salvage, file.write, file.close

    def sync(self) -> None:
        self._card.meanwhile()
        self._file.sync()


@pytest.mark.fault("S8")
def test_while_a_flush_takes_its_time_every_device_is_read_at_its_period(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    card = SlowCard(tmp_path / "spool")
    spool = Spool.open(tmp_path / "spool", 1 << 20, disk=card)
    spool.commit([b"before"], b"1")
    due = (10.0 if thorough else 1.0) / PERIOD_S
    device = unit_device("plc", "gw", 1, PERIOD_S)
    with TcpUnits({1}) as gateway:
        owner = TcpOwner([TcpBus("gw", "127.0.0.1", gateway.port, 5.0)], [(device, asks(device, "tcp"))])
        owner.start()
        outcomes_until(owner, lambda seen: len(answers(seen)) >= 5)
        began_s, before = boot_seconds(), len(gateway.received[1])
        card.meanwhile = lambda: eventually(lambda: len(gateway.received[1]) >= before + due)
        position = spool.commit([b"during"], b"2")  # the beat's thread stands here
        ended_s = boot_seconds()
        owner.stop()
        outcomes = answers(owner.take())
    moments = [moment for moment in gateway.received[1] if began_s <= moment <= ended_s]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    figure(flush_s=ended_s - began_s, reads=len(moments), of_due=len(moments) / ((ended_s - began_s) / PERIOD_S))
    figure(longest_gap_ms=1000 * max(gaps))
    assert len(moments) >= due
    assert len(outcomes) >= len(moments) - 1, "what was read meanwhile waits for the beat"
    assert owner.dropped == 0
    assert dict(spool.read(0, 9, 99))[position] == b"during"
    spool.close()


@pytest.mark.fault("S8")
def test_the_longest_commit_is_told_once_and_a_slow_one_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card = SlowCard(tmp_path / "spool")
    spool = Spool.open(tmp_path / "spool", 1 << 20, disk=card)
    commits = Commits(spool, SpoolSettings(tmp_path / "spool", 1 << 20), lambda: Baselines(Epoch(1, "abcdef"), 1, {}))
    commits.commit([Message("event", b"{}")])
    assert "spool_slow" not in caplog.text
    card.meanwhile = lambda: clock.wait(SLOW_S + 0.1)
    commits.commit([Message("event", b"{}")])
    assert "spool_slow" in caplog.text
    assert commits.take_slowest_s() >= SLOW_S + 0.1
    assert commits.take_slowest_s() == 0.0
    spool.close()

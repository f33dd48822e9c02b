"""What the agent tells of the machine that it runs on: as the kernel tells it, and nothing that it does not tell."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from board_files import BoardFiles
from reported_hour import told

from agent import clock
from agent.cli.status import machine_in_words
from agent.machine import Machine
from agent.supply import LOOK_S, UNDERVOLT_S, Supply
from agent.uplink.spool import Spool

MB = 1 << 20


@pytest.fixture
def board(tmp_path: Path) -> BoardFiles:
    return BoardFiles(tmp_path / "board")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool.open(tmp_path / "spool", 4 * MB)
    yield spool
    spool.close()


@pytest.fixture
def machine(spool: Spool, board: BoardFiles, tmp_path: Path) -> Machine:
    return Machine(spool, tmp_path / "spool", board.root)


def test_a_supply_that_was_too_weak_for_two_seconds_is_told_for_minutes_and_logged_once_each_way(
    board: BoardFiles, caplog: pytest.LogCaptureFixture
) -> None:
    supply, weak = Supply(board.root), []
    with caplog.at_level(logging.INFO, "hubpulse"):
        for second in range(1_000):
            board.supply(weak=second in {100, 101, 103})
            supply.watch(float(second))
            if supply.undervolt:
                weak.append(second)
    assert weak == list(range(100, 103 + round(UNDERVOLT_S) + 1))
    assert supply.undervolt is False
    assert [record.getMessage().split()[0] for record in caplog.records] == ["undervoltage", "voltage_good"]


def test_of_a_supply_that_can_no_longer_be_read_nothing_is_told(
    board: BoardFiles, caplog: pytest.LogCaptureFixture
) -> None:
    supply = Supply(board.root)
    board.supply(weak=True)
    supply.watch(0.0)
    caplog.clear()
    for spoilt in ("", "2", "weak"):
        board.write(board.ALARM, spoilt)
        supply.watch(UNDERVOLT_S)
        assert supply.undervolt is True
    (board.root / board.ALARM).unlink()
    with caplog.at_level(logging.INFO, "hubpulse"):
        supply.watch(UNDERVOLT_S + 1)
    assert (supply.undervolt, caplog.records) == (None, [])


def test_an_alarm_whose_driver_comes_after_our_start_is_found_within_a_minute(board: BoardFiles) -> None:
    board.write("sys/class/hwmon/hwmon1/name", "late")
    supply, found_s = Supply(board.root), []
    for second in range(200):
        if second == 3:
            board.write("sys/class/hwmon/hwmon1/name", "rpi_volt")
        supply.watch(float(second))
        if supply.undervolt is False:
            found_s.append(second)
    assert found_s == list(range(round(LOOK_S), 200))


def test_a_zero_which_measures_nothing_tells_nothing_of_its_supply(board: BoardFiles) -> None:
    board.write("proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0")
    supply = Supply(board.root)
    supply.watch(0.0)
    assert supply.undervolt is None


def test_the_beat_watches_the_supply_and_the_next_health_tells(board: BoardFiles) -> None:
    said = told(190, before=lambda second, *_: board.supply(weak=second == 70), machine=board.root)
    health = [one.fields["machine"] for one in said if one.tail == "health"]
    assert [one["undervolt"] for one in health] == [False, True, True]
    assert {one["temp_c"] for one in health} == {48.3}


def test_the_hottest_zone_is_told_and_one_that_fails_is_passed_over(board: BoardFiles, machine: Machine) -> None:
    for zone, text in enumerate(("61900", "", "not a number", "-274000", "2147483647", "9" * 400), start=1):
        board.write(f"sys/class/thermal/thermal_zone{zone}/temp", text)
    (board.root / "sys/class/thermal/thermal_zone9/temp").mkdir(parents=True)
    assert machine.facts()["temp_c"] == 61.9


def test_what_a_machine_does_not_tell_is_left_out(tmp_path: Path, spool: Spool) -> None:
    root = tmp_path / "bare"
    machine = Machine(spool, tmp_path / "no-disk", root)
    machine.watch(1.0)
    assert machine.facts() == {}
    (root / "proc").mkdir(parents=True)
    for spoilt in (b"", b"MemAvailable:", b"MemAvailable: lots kB", b"MemAvailable:\t12\n\xff"):
        (root / "proc/meminfo").write_bytes(spoilt)
        assert machine.facts() == {}


def test_where_no_folder_can_be_listed_any_more_the_rest_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine.facts()

    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "scandir", full)
    machine.watch(1.0)
    assert machine.facts() == {name: value for name, value in before.items() if name != "temp_c"}


def test_memory_is_told_as_the_kernel_has_it_and_disk_as_the_file_system_of_the_spool(
    tmp_path: Path, machine: Machine
) -> None:
    disk = os.statvfs(tmp_path)
    told = machine.facts()
    assert (told["mem_mb"], told["mem_free_mb"]) == (31, 512)
    assert told["disk_free_mb"] == pytest.approx(disk.f_bavail * disk.f_frsize // MB, abs=1024)


def test_while_messages_wait_in_memory_no_disk_is_told_that_stands_in_the_spools_place(
    tmp_path: Path, board: BoardFiles
) -> None:
    (tmp_path / "file").write_text("no folder")
    spool = Spool.open(tmp_path / "file" / "spool", 4 * MB)
    assert spool.condition.place == "ram"
    assert "disk_free_mb" not in Machine(spool, tmp_path, board.root).facts()
    spool.close()


def test_the_memory_that_is_told_is_that_of_the_agent_itself(tmp_path: Path, spool: Spool) -> None:
    machine = Machine(spool, tmp_path)
    before, held = machine.facts()["mem_mb"], bytes(range(256)) * (MB // 4)
    after = machine.facts()["mem_mb"]
    assert isinstance(before, int) and isinstance(after, int)
    assert len(held) // MB - 4 <= after - before <= len(held) // MB + 4


def test_what_the_agent_takes_of_the_processor_is_what_it_took_since_the_report_before(machine: Machine) -> None:
    begun = clock.now()
    machine.report(replace(begun, boot_s=begun.boot_s + 10))
    while clock.boot_seconds() - begun.boot_s < 0.2:
        pass
    busy = machine.report(replace(begun, boot_s=begun.boot_s + 11))["cpu_pct"]
    idle = machine.report(replace(begun, boot_s=begun.boot_s + 12))["cpu_pct"]
    assert isinstance(busy, float) and isinstance(idle, float)
    assert 0 <= idle < busy
    assert "cpu_pct" not in machine.report(replace(begun, boot_s=begun.boot_s + 12.5))


def test_status_says_of_a_machine_what_it_tells_and_of_a_weak_supply_what_to_do(
    board: BoardFiles, machine: Machine
) -> None:
    machine.watch(1.0)
    said = machine_in_words({**machine.facts(), "disk_free_mb": 900}, "zh")
    assert said == "48.3 °C，可用内存 512 MB，磁盘剩余 900 MB，最近五分钟内未见供电不足"
    board.supply(weak=True)
    machine.watch(2.0)
    assert "short thick cable" in machine_in_words(machine.facts(), "en")
    assert machine_in_words({}, "en") == ""

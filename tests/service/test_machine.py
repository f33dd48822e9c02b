"""What the agent tells of the machine that it runs on: as the kernel tells it, and nothing that it does not tell."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from board_files import BoardFiles

from agent import clock
from agent.cli.status import machine_in_words
from agent.machine import UNDERVOLT_S, Machine

MB = 1 << 20


@pytest.fixture
def board(tmp_path: Path) -> BoardFiles:
    return BoardFiles(tmp_path)


def test_a_supply_that_was_too_weak_for_two_seconds_is_told_for_minutes_and_logged_once_each_way(
    board: BoardFiles, caplog: pytest.LogCaptureFixture
) -> None:
    machine, weak = Machine(board.root, board.root), []
    with caplog.at_level(logging.INFO, "hubpulse"):
        for second in range(1_000):
            board.supply(weak=second in {100, 101, 103})
            machine.watch(float(second))
            if machine.facts()["undervolt"]:
                weak.append(second)
    assert weak == list(range(100, 103 + round(UNDERVOLT_S) + 1))
    assert [record.getMessage().split()[0] for record in caplog.records] == ["undervoltage", "voltage_good"]


def test_the_hottest_zone_is_told_and_one_that_fails_is_passed_over(board: BoardFiles) -> None:
    board.write("sys/class/thermal/thermal_zone1/temp", "61900")
    board.write("sys/class/thermal/thermal_zone2/temp", "")
    board.write("sys/class/thermal/thermal_zone3/temp", "not a number")
    (board.root / "sys/class/thermal/thermal_zone4/temp").mkdir(parents=True)
    assert Machine(board.root, board.root).facts()["temp_c"] == 61.9


def test_what_a_machine_does_not_tell_is_left_out(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "no-disk", tmp_path)
    machine.watch(1.0)
    assert machine.facts() == {}
    (tmp_path / "proc").mkdir()
    for spoilt in (b"", b"MemAvailable:", b"MemAvailable: lots kB", b"MemAvailable:\t12\n\xff"):
        (tmp_path / "proc/meminfo").write_bytes(spoilt)
        assert machine.facts() == {}


def test_memory_is_told_as_the_kernel_has_it_and_disk_as_the_file_system_of_the_spool(board: BoardFiles) -> None:
    disk = os.statvfs(board.root)
    free_mb = disk.f_bavail * disk.f_frsize // MB
    told = Machine(board.root, board.root).facts()
    assert (told["mem_mb"], told["mem_free_mb"]) == (31, 512)
    assert told["disk_free_mb"] == pytest.approx(free_mb, abs=1024)


def test_the_memory_that_is_told_is_that_of_the_agent_itself(tmp_path: Path) -> None:
    before, held = Machine(tmp_path).facts()["mem_mb"], bytes(range(256)) * (MB // 4)
    after = Machine(tmp_path).facts()["mem_mb"]
    assert isinstance(before, int) and isinstance(after, int)
    assert len(held) // MB - 4 <= after - before <= len(held) // MB + 4


def test_what_the_agent_takes_of_the_processor_is_what_it_took_since_the_report_before(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    begun = clock.now()
    machine.report(begun)
    while clock.boot_seconds() - begun.boot_s < 0.2:
        pass
    busy = machine.report(replace(begun, boot_s=begun.boot_s + 1))["cpu_pct"]
    idle = machine.report(replace(begun, boot_s=begun.boot_s + 2))["cpu_pct"]
    assert isinstance(busy, float) and isinstance(idle, float)
    assert 0 <= idle < busy
    assert "cpu_pct" not in machine.report(replace(begun, boot_s=begun.boot_s + 2))


def test_status_says_of_a_machine_what_it_tells_and_of_a_weak_supply_what_to_do(board: BoardFiles) -> None:
    machine = Machine(board.root, board.root)
    said = machine_in_words({**machine.facts(), "disk_free_mb": 900}, "zh")
    assert said == "48.3 °C，可用内存 512 MB，磁盘剩余 900 MB，供电正常"
    board.supply(weak=True)
    machine.watch(1.0)
    assert "short thick cable" in machine_in_words(machine.facts(), "en")
    assert machine_in_words({}, "en") == ""

"""What systemd hears and what it is given to run."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

import config
from agent.__main__ import main
from agent.cli import install
from agent.cli.install import COMMAND, places
from agent.systemd import Notify

UNIT = Path(config.__file__).parent / "hubpulse.service"


def test_systemd_hears_ready_status_watchdog_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify = Notify(str(tmp_path / "notify"))
        notify.ready()
        notify.status("3 lines, 12 devices")
        notify.watchdog()
        notify.stopping()
        heard = [manager.recv(200) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=3 lines, 12 devices", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_notify_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0hubpulse-test-notify")
        Notify("@hubpulse-test-notify").ready()
        assert manager.recv(200) == b"READY=1"


def test_a_manager_that_reads_nothing_never_holds_the_agent_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify = Notify(str(tmp_path / "notify"))
        for _ in range(1000):
            notify.watchdog()
        assert manager.recv(200) == b"WATCHDOG=1"


def test_without_systemd_and_with_a_vanished_socket_nothing_happens(tmp_path: Path) -> None:
    Notify(None).ready()
    Notify(str(tmp_path / "gone")).watchdog()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_clean_and_its_exposure_is_at_most_1_5(tmp_path: Path) -> None:
    unit = tmp_path / "hubpulse.service"
    unit.write_text(install.unit_text("/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", rated.stdout)
    assert found
    assert float(found[1]) <= 1.5


def test_install_below_a_directory_puts_everything_in_place_and_keeps_what_the_site_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install", "--root", str(tmp_path)]) == 0
    assert (tmp_path / "usr/local/bin/hubpulse").readlink().name == "hubpulse"
    settings = tmp_path / "etc/hubpulse/hubpulse.toml"
    assert main(["check", str(settings)]) == 0
    settings.write_text("# the site's own\n")
    capsys.readouterr()
    assert main(["install", "--root", str(tmp_path)]) == 0
    assert settings.read_text() == "# the site's own\n"
    assert f"kept       {settings}" in capsys.readouterr().out
    assert (tmp_path / "etc/hubpulse/secrets").stat().st_mode & 0o777 == 0o750
    assert "hubpulse run" in (tmp_path / "etc/systemd/system/hubpulse.service").read_text()


def test_a_dry_run_of_install_touches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "--root", str(tmp_path), "--dry-run"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "would put" in capsys.readouterr().out


def test_install_where_nothing_can_be_written_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "--root", "/proc/nowhere"]) == 66
    assert "/proc/nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("guide", ["first-site.md", "first-site.zh-CN.md"])
def test_the_guide_takes_away_all_that_install_puts_in_place(guide: str) -> None:
    told = (Path(config.__file__).parents[1] / "docs" / guide).read_text("utf-8")
    removed = [word for line in told.splitlines() if line.startswith("sudo rm") for word in line.split()[2:]]
    for place in [*(place.path for place in places()), COMMAND]:
        assert any(f"/{place}".startswith(one) for one in removed), place

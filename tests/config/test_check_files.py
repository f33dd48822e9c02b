"""`hubpulse check` sees whether the service could use the files that settings name, and `run` says which it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from site_text import SITE

import agent.cli.run
import agent.service
import agent.uplink.tls
from agent.__main__ import main
from agent.cli.check_files import Service, noticed
from agent.cli.install import places
from config import check
from config.loading import Report

SERVICE_UID, SERVICE_GID = 64_321, 64_322


@pytest.fixture
def folder() -> Iterator[Path]:
    """What stands below is reached by everybody, which no folder of pytest's own is."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "ca.pem").write_text("a certificate")
        secret = folder / "password"
        secret.write_text("chunyun-7731")
        secret.chmod(0o640)
        yield folder


@pytest.fixture
def service(folder: Path) -> Service:
    unit = folder / "hubpulse.service"
    unit.write_text("[Service]\nStateDirectory=hubpulse\n")
    return Service(unit, SERVICE_UID, frozenset({SERVICE_GID, os.getgid()}))


def written(folder: Path, more: str = "") -> Report:
    text = SITE.replace("/etc/hubpulse/tls/ca.pem", str(folder / "ca.pem"))
    text = text.replace('password_credential = "bureau-password"', f'password_file = "{folder}/password"')
    (folder / "hubpulse.toml").write_text(f"{text}\n{more}", encoding="utf-8")
    report = check(folder / "hubpulse.toml")
    assert report.settings is not None
    return report


def codes(folder: Path, service: Service, more: str = "") -> list[str]:
    return [one.code for one in noticed(written(folder, more).files, service)]


def test_files_that_the_service_can_use_are_no_news(folder: Path, service: Service) -> None:
    assert codes(folder, service) == []


def test_a_missing_file_is_told_where_it_is_named_with_the_command_that_makes_it(
    folder: Path, service: Service
) -> None:
    (folder / "password").unlink()
    (notice,) = noticed(written(folder).files, service)
    assert (notice.code, "password_file" in notice.source) == ("W2441", True)
    assert f"install -m 0640 -g hubpulse /dev/stdin {folder}/password" in notice.text("zh").action
    (folder / "ca.pem").unlink()
    assert codes(folder, service) == ["W2440", "W2441"]


def test_on_a_machine_without_the_service_nobody_expects_its_files(folder: Path) -> None:
    (folder / "password").unlink()
    assert codes(folder, Service(folder / "no.service")) == []


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_secret_that_the_agent_would_refuse_is_told_on_any_machine(folder: Path, mode: int) -> None:
    (folder / "password").chmod(mode)
    (notice,) = noticed(written(folder).files, Service(folder / "no.service"))
    assert (notice.code, notice.parameters["mode"]) == ("W2442", f"{mode:04o}")


def test_a_secret_that_belongs_to_root_alone_is_told_with_what_bars_the_way(folder: Path) -> None:
    stranger = Service(folder / "no.service", SERVICE_UID, frozenset({SERVICE_GID}))
    (notice,) = noticed(written(folder).files, stranger)
    assert (notice.code, notice.parameters["at"]) == ("W2443", folder / "password")
    folder.chmod(0o700)
    notices = noticed(written(folder).files, stranger)
    assert {(one.code, one.parameters["at"]) for one in notices} == {("W2443", folder)}


def test_a_spool_that_the_unit_may_not_write_is_told_until_a_drop_in_opens_it(folder: Path, service: Service) -> None:
    spool = '[spool]\ndirectory = "/mnt/ssd/hubpulse/spool"'
    (notice,) = noticed(written(folder, spool).files, service)
    assert (notice.code, "ReadWritePaths=/mnt/ssd/hubpulse/spool" in notice.text("en").action) == ("W2444", True)
    drop_ins = folder / "hubpulse.service.d"
    drop_ins.mkdir()
    (drop_ins / "override.conf").write_text("[Service]\nReadWritePaths=/srv -/mnt/ssd/hubpulse\n")
    assert codes(folder, service, spool) == []
    assert codes(folder, service, '[spool]\ndirectory = "/var/lib/hubpulse/other"') == []


def test_what_install_makes_for_secrets_is_for_the_services_group() -> None:
    modes = {place.path: place.mode for place in places()}
    assert modes["etc/hubpulse/secrets"] == 0o750
    owners = next(place.text for place in places() if place.path == "usr/lib/tmpfiles.d/hubpulse.conf")
    assert owners is not None and "/etc/hubpulse/secrets 0750 root hubpulse" in owners


@pytest.mark.parametrize(
    ("mode", "code", "told"),
    [(0o000, "E2017", "sudo chgrp hubpulse {}"), (None, "E2018", "-g hubpulse SOURCE {}"), (0o644, "E2015", "0640 {}")],
)
def test_a_start_says_whether_a_file_is_missing_barred_or_open_to_all(
    folder: Path, mode: int | None, code: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, secret = folder / "hubpulse.toml", folder / "password"
    broker = f'host = "mqtt.example.org"\nca_file = "{folder}/ca.pem"'
    assert broker in (written(folder), file.read_text("utf-8"))[1]
    file.write_text(file.read_text("utf-8").replace(broker, 'host = "127.0.0.1"\ntls = false'), "utf-8")
    secret.unlink() if mode is None else secret.chmod(mode)
    with nobody_special():
        assert main(["run", str(file), "--lang", "en"]) == 78
    said = capsys.readouterr().err
    assert code in said and told.format(secret) in said and "7731" not in said


@contextmanager
def nobody_special() -> Iterator[None]:
    """Who may read everything becomes somebody who may not; all that a start needs is loaded before."""
    assert agent.cli.run and agent.service and agent.uplink.tls
    if os.getuid() != 0:
        yield
        return
    os.seteuid(SERVICE_UID)
    try:
        yield
    finally:
        os.seteuid(0)

"""Secrets come from files that strangers cannot read, and appear nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.uplink.credentials import CredentialError, Login, demand_private, login
from config.uplink_settings import Bureau


def bureau(*, file: Path | None = None, credential: str | None = None) -> Bureau:
    return Bureau("127.0.0.1", 1883, None, "gz", file, credential, 10.0)


def put(path: Path, octets: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(octets)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440])
def test_a_password_comes_from_a_private_file_without_its_line_end(tmp_path: Path, mode: int) -> None:
    assert login(bureau(file=put(tmp_path / "p", b"s3cret\r\n", mode))) == Login("gz", "s3cret")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602, 0o601])
def test_a_file_that_strangers_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    with pytest.raises(CredentialError, match="chmod 0640") as caught:
        login(bureau(file=put(tmp_path / "p", b"s3cret", mode)))
    assert "s3cret" not in str(caught.value)


def test_a_password_comes_from_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "bureau-password", b"s3cret", 0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert login(bureau(credential="bureau-password")) == Login("gz", "s3cret")


def test_a_credential_that_systemd_did_not_pass_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(CredentialError, match="LoadCredential=bureau-password"):
        login(bureau(credential="bureau-password"))


@pytest.mark.parametrize("octets", [b"", b"\n", b"\xff\xfe s3cret"])
def test_a_file_without_a_password_is_refused_and_not_quoted(tmp_path: Path, octets: bytes) -> None:
    with pytest.raises(CredentialError) as caught:
        login(bureau(file=put(tmp_path / "p", octets)))
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="absent: No such file"):
        demand_private(tmp_path / "absent")


@pytest.mark.fault("M10")
def test_a_login_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(Login("gz", "s3cret"))
    assert login(Bureau("127.0.0.1", 1883, None, None, None, None, 10.0)) is None

"""Certificates for the twin's TLS devices: a CA of its own, the device's pair and the agent's, made by openssl."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
from pathlib import Path

from config.bus_settings import BusTls

_DAYS = "3650"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_LOOPBACK = "IP:127.0.0.1,IP:::1,DNS:localhost"


class Certificates:
    """What lies in `folder`, which belongs to the twin: made once, kept for the next time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.cert_file, self.key_file = folder / "agent.pem", folder / "agent.key"

    def server(self, tls: BusTls) -> ssl.SSLContext:
        """The device's side. It demands the agent's certificate where the settings have one.

        Raises OSError where openssl is missing or the folder cannot be written.
        """
        self._make(tls.server_name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self._device(tls.server_name))
        if tls.files.cert_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_file)
        return context

    def changes(self, tls: BusTls) -> dict[str, str]:
        """What the settings must say to be let in by the twin's device."""
        mutual = tls.files.cert_file is not None
        pair = {"cert_file": str(self.cert_file), "key_file": str(self.key_file)} if mutual else {}
        return {"ca_file": str(self.ca_file), **pair}

    def _device(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _make(self, name: str) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        ca_key = self.folder / "ca.key"
        if not self.ca_file.exists():
            subject = ("-days", _DAYS, "-subj", "/CN=hubpulse twin")
            _openssl("req", "-x509", *_NEW_KEY, "-keyout", ca_key, "-out", self.ca_file, *subject)
        kind = "IP" if _is_address(name) else "DNS"
        for names, (cert, key) in (
            (f"{kind}:{name},{_LOOPBACK}", self._device(name)),
            ("DNS:hubpulse", (self.cert_file, self.key_file)),
        ):
            if not cert.exists():
                self._issue(names, cert, key)

    def _issue(self, names: str, cert: Path, key: Path) -> None:
        request, extensions = cert.with_suffix(".csr"), cert.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=hubpulse twin device")
        authority = ("-CA", self.ca_file, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", _DAYS)
        _openssl("x509", "-req", "-in", request, *authority, "-extfile", extensions, "-out", cert)
        key.chmod(0o600)
        request.unlink()
        extensions.unlink()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _openssl(*words: str | Path) -> None:
    try:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)  # noqa: S603, S607, our own words
    except FileNotFoundError:
        raise OSError("a twin of a TLS device needs the program openssl: apt-get install openssl") from None
    except subprocess.CalledProcessError as fault:
        raise OSError(f"openssl: {fault.stderr.decode(errors='replace').strip()[-200:]}") from None

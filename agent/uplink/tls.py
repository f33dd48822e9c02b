"""TLS of the uplink: the bureau's own CA alone, the host name checked, 1.2 at least; there is no switch."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from agent.uplink.credentials import CredentialError, demand_private
from config.uplink_settings import Tls


def context(tls: Tls) -> ssl.SSLContext:
    """A client context from the files of `tls`, read afresh (a renewed certificate needs no restart).

    Raises CredentialError when a file is missing, is no certificate or key, or the key is open to others.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name from birth
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(tls.ca_file, lambda: made.load_verify_locations(cafile=tls.ca_file))
    if tls.cert_file is not None and tls.key_file is not None:
        certificate, key = tls.cert_file, tls.key_file
        demand_private(key)
        # A key under a passphrase would ask on the terminal of a daemon; an empty answer makes it an error.
        _load(certificate, lambda: made.load_cert_chain(certificate, key, password=""))
    return made


def _load(path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        raise CredentialError(f"{path} (or its key) is not what TLS needs: {error.reason or error}") from error
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}", path) from error

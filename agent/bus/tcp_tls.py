"""Modbus/TCP Security: TLS over a connected socket, without ever blocking, the device verified and ourselves proved.

Source: MODBUS/TCP Security V21. There is no switch to turn the verification off.
"""

from __future__ import annotations

import socket
import ssl
from typing import Literal

from agent.bus.link import LinkError
from agent.uplink.credentials import CredentialError
from agent.uplink.tls import context
from config.bus_settings import BusTls

Wanted = Literal["nothing", "read", "write"]

_HUNG_UP = "the device hung up after the TLS handshake: it wants a client certificate, or another one"
_NO_TLS = "the device does not speak TLS on this port"
_REFUSED = "the device refuses our certificate (cert_file)"
_SENTENCES = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the device demands a client certificate: set cert_file and key_file",
    "TLSV1_ALERT_UNKNOWN_CA": "the device does not know the CA of our certificate (cert_file)",
    "SSLV3_ALERT_BAD_CERTIFICATE": _REFUSED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": _REFUSED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the device refuses the TLS handshake: does it demand a client certificate?",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the device speaks no TLS of 1.2 or later",
    "UNSUPPORTED_PROTOCOL": "the device speaks no TLS of 1.2 or later",
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
}


class SecureSocket:
    """A TLS connection used like the non-blocking socket under it, once `shake` wants nothing more.

    Takes the socket over. Every method raises LinkError, with one sentence for people, when the connection is gone.
    """

    def __init__(self, sock: socket.socket, tls: BusTls) -> None:
        try:
            made = context(tls.files)
            made.options |= ssl.OP_NO_RENEGOTIATION  # so that sending never has to wait for something to read
            self._tls = made.wrap_socket(sock, server_hostname=tls.server_name, do_handshake_on_connect=False)
            self._heard = False
        except CredentialError as fault:
            raise LinkError(str(fault)) from fault
        except (OSError, ValueError) as fault:
            raise LinkError(_reason(fault)) from fault

    def fileno(self) -> int:
        """The descriptor, for an epoll."""
        return self._tls.fileno()

    def shake(self) -> Wanted:
        """Go on with the handshake; what it waits for now."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return "read"
        except ssl.SSLWantWriteError:
            return "write"
        except (OSError, ValueError) as fault:
            raise LinkError(_reason(fault)) from fault
        return "nothing"

    def recv(self, most: int, /) -> bytes:
        """What has arrived, about `most` bytes; BlockingIOError when nothing has, nothing at the end."""
        try:
            octets = self._tls.recv(most)
            while rest := self._tls.pending():  # what OpenSSL has taken from the socket wakes nobody any more
                octets += self._tls.recv(rest)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except OSError as fault:
            raise self._lost(fault) from fault
        if not octets and not self._heard:
            raise LinkError(_HUNG_UP)
        self._heard = True
        return octets

    def send(self, octets: bytes, /) -> int:
        """How many bytes of `octets` went out: all, or none where the device takes nothing."""
        try:
            return self._tls.send(octets)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as fault:
            raise self._lost(fault) from fault

    def close(self) -> None:
        """Let the connection go."""
        self._tls.close()

    def _lost(self, fault: OSError) -> LinkError:
        """A device that never said a word may have refused us, and not all say why before they hang up."""
        said_why = isinstance(fault, ssl.SSLError) and not isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return LinkError(_reason(fault) if self._heard or said_why else _HUNG_UP)


def _reason(fault: OSError | ValueError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the device's certificate is refused: {fault.verify_message.rstrip('.')}"
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the device ended the TLS connection"
    if isinstance(fault, ssl.SSLError):
        return _SENTENCES.get(fault.reason or "", f"TLS with the device fails: {fault.reason or fault}")
    return (getattr(fault, "strerror", None) or str(fault)).lower()

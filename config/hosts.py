"""How hosts are written: names and addresses, told apart without asking anybody."""

from __future__ import annotations

import ipaddress
import re

_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?"
)


def is_host(host: str) -> bool:
    """Whether `host` is written like a host name or an address; nobody resolves it."""
    return is_address(host) or (_HOST_NAME.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host))


def is_address(host: str) -> bool:
    """Whether `host` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"

"""How a verb that listens at a broker is told which one, and as whom."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.quantities import duration, whole
from agent.cli.speech import chosen_language, spoken
from config.messages import reason, word

if TYPE_CHECKING:
    from agent.uplink.credentials import Login
    from config.uplink_settings import Tls

ANY_SITE = "+/+/+"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def add_broker(parser: argparse.ArgumentParser, site: str = "only this site") -> None:
    """The options that name a broker and the sites to follow there; `site` is what the help says of the latter."""
    parser.add_argument("--host", metavar="HOST", default="127.0.0.1", help="the broker (127.0.0.1)")
    parser.add_argument("--port", type=whole(1, 65535), metavar="PORT", help="its port (1883, with TLS 8883)")
    parser.add_argument("--tls", action="store_true", help="speak TLS; needs --ca")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the CA that the broker's certificate must come from")
    parser.add_argument("--username", metavar="USER", help="as whom to log in")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="mode 0600 or 0640")
    parser.add_argument("--site", default=ANY_SITE, type=_site, metavar="PROV/CITY/SITE", help=site)


def add_duration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="end after 10s, 5m, 1h")


def contradiction(args: argparse.Namespace) -> str | None:
    """What is wrong with the broker's options together; None when nothing is."""
    lang = chosen_language(args.lang, sys.stderr)
    if args.tls and args.ca is None:
        return word("broker_tls_ca", lang)
    if args.password_file is not None and args.username is None:
        return word("broker_password_user", lang)
    if args.password_file is not None and args.ca is None and args.host not in _LOOPBACK:
        return word("broker_password_tls", lang)
    return None


def unreachable(args: argparse.Namespace, error: Exception) -> str:
    """Why the broker cannot be used, and the next step where none answers."""
    lang = chosen_language(args.lang, sys.stderr)
    said = f"{args.host}:{port(args)}{word('colon', lang)}{reason(error, lang)}"
    return f"{said}\n{word('no_broker_there', lang)}" if "refused" in str(error).lower() else said


def port(args: argparse.Namespace) -> int:
    return int(args.port or (1883 if args.ca is None else 8883))


def tls(args: argparse.Namespace) -> Tls | None:
    from config.uplink_settings import Tls

    return None if args.ca is None else Tls(args.ca, None, None)


def login(args: argparse.Namespace) -> Login | None:
    """Raises CredentialError."""
    from agent.uplink.credentials import Login, secret

    if args.username is None:
        return None
    return Login(args.username, None if args.password_file is None else secret(args.password_file))


def _site(text: str) -> str:
    levels = text.split("/")
    if len(levels) != 3 or not all(level == "+" or level.replace("-", "").isalnum() for level in levels):
        raise argparse.ArgumentTypeError(word("typed_no_site", spoken(), text=text))
    return text

"""For the bureau's engineers: sign an order for a site, or send it and wait for what the site says.

  hubpulse command send mode --site 44/4401/gz-baiyun mode=peak to=+12h by=duty-1 --key bureau.key --host …
  hubpulse command sign plan --site 44/4401/gz-baiyun plan_id=p-7 type=divert to_site=gz-huadu to=+2d by=duty-1 --key …

Kinds: mode, plan, baseline, alarm; nothing else can be ordered. `from` and `to` are Unix milliseconds, or +30m, +12h,
+2d from now. `seq` must grow; left out, it is the Unix time in milliseconds. The key is a secret shared with the site
(openssl rand -hex 32), or a private Ed25519 key (openssl genpkey -algorithm ed25519). With `--retain` the broker keeps
the order for a site that is away.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.cli import broker_options, local_order
from agent.cli.speech import add_language, chosen_language, say_wrong
from agent.clock import now
from agent.orders.order import KINDS, RefusedError, number_of, understood
from config.messages import Language, Refusal, word

WITHIN_S = 20.0
_GOOD = ("accepted", "waits", "retained")
"""Outcomes with which an order is under way; `retained` is our own word, of a site that has not answered yet."""
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
_LATER = re.compile(r"\+([0-9]{1,6})([mhd])")
_SPAN = re.compile(r"[0-9]{1,6}[mhd]")
_MOMENTS = ("from", "to")
_WHOLE = re.compile(r"-?[0-9]{1,16}")
_TEXTS = frozenset({"by", "note", "plan_id", "to_site", "line", "alarm"})
"""Fields that are text also where it looks like a number: an engineer's, a plan's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "do",
        choices=("sign", "send"),
        metavar="sign|send",
        help="sign: print it; send: publish it and await the answer",
    )
    parser.add_argument("kind", choices=tuple(KINDS), metavar="|".join(KINDS), help="what is ordered")
    parser.add_argument(
        "fields", nargs="+", metavar="NAME=VALUE", help="its fields, for example mode=peak to=+12h by=duty-1"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="what to sign with; mode 0600 or 0640")
    parser.add_argument("--retain", action="store_true", help="the broker keeps it for a site that is away")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    broker_options.add_broker(parser, site="whom it is for; is needed")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.orders.seal import KeyFormError
    from agent.uplink.connection import RefusedError as NoBrokerError
    from agent.uplink.credentials import CredentialError

    lang = chosen_language(args.lang, sys.stdout)
    wrong = broker_options.contradiction(args) or (word("order_needs_site", lang) if "+" in args.site else None)
    if wrong is not None:
        say_wrong("command", wrong)
        return 2
    try:
        order = _signed(args, _fields(args.fields))
        if args.do == "sign":
            if "sig" not in order:
                say_wrong("command", word("order_unsigned", lang))
            print(json.dumps(order, ensure_ascii=False))
            return 0
        return _send(args, lang, order)
    except RefusedError as refusal:
        return local_order.fail(lang, "E2766", as_json=args.json, reason=Refusal(refusal.reason, refusal.detail))
    except (CredentialError, KeyFormError, ImportError) as fault:
        return local_order.fail(lang, "E2767", as_json=args.json, file=args.key, reason=_of_key(args, fault))
    except (NoBrokerError, OSError) as fault:
        place = f"{args.host}:{broker_options.port(args)}"
        return local_order.fail(lang, "E2768", as_json=args.json, broker=place, reason=fault)


def _of_key(args: argparse.Namespace, fault: Exception) -> str:
    """What is wrong with the key, with the file where it is not said already."""
    return str(fault) if str(args.key) in str(fault) else f"{args.key}: {fault}"


def _fields(words: list[str]) -> dict[str, object]:
    """Raises RefusedError for what is no NAME=VALUE."""
    fields: dict[str, object] = {"seq": int(1000 * now().wall_s)}
    for one in words:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise RefusedError("value", f"{one!r} is no NAME=VALUE")
        if name in _MOMENTS and _SPAN.fullmatch(value):
            raise RefusedError("value", f"{one} is no moment; from now on: {name}=+{value}")
        fields[name] = value if name in _TEXTS else _value(value)
    return fields


def _value(text: str) -> object:
    if later := _LATER.fullmatch(text):
        return int(1000 * (now().wall_s + int(later[1]) * _UNITS_S[later[2]]))
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if _WHOLE.fullmatch(text) else text


def _signed(args: argparse.Namespace, fields: dict[str, object]) -> dict[str, object]:
    """The order, checked as the site will, with a signature where there is a key."""
    from agent.orders import seal
    from agent.uplink.credentials import secret

    kind = KINDS[args.kind]
    number_of(fields)
    understood(kind, fields)
    if args.key is None:
        return fields
    return seal.signed(seal.signer(secret(args.key)), args.site, kind, fields)


def _send(args: argparse.Namespace, lang: Language, order: Mapping[str, object]) -> int:
    """Say the order, and wait for the site's answer to it."""
    from agent.bureau.subscriber import Subscriber
    from agent.bureau.view import Heard

    answers: list[Mapping[str, object]] = []

    def listen(heard: Heard) -> None:
        if heard.tail == "cmd/ack" and heard.fields.get("cmd_seq") == order["seq"]:
            answers.append(heard.fields)

    tls, login = broker_options.tls(args), broker_options.login(args)
    port = broker_options.port(args)
    with Subscriber(args.host, port, tls=tls, login=login, site=args.site, listener=listen) as site:
        _publish(args, json.dumps(order, ensure_ascii=False).encode())
        site.wait_until(lambda: bool(answers), WITHIN_S)
    if not answers and args.retain:
        return _tell(args, lang, {"outcome": "retained", "cmd": args.kind, "cmd_seq": order["seq"]})
    if not answers:
        return local_order.fail(lang, "E2769", as_json=args.json, site=args.site, within_s=int(WITHIN_S))
    return _tell(args, lang, answers[0])


def _publish(args: argparse.Namespace, order: bytes) -> None:
    import logging

    import paho.mqtt.publish as mqtt_publish

    from agent.uplink.contract import ROOT

    logging.getLogger("paho").addHandler(logging.NullHandler())  # paho calls its own good-bye an error, on stderr
    tls, login = broker_options.tls(args), broker_options.login(args)
    mqtt_publish.single(
        f"{ROOT}/{args.site}/cmd/{args.kind}",
        order,
        qos=1,
        retain=args.retain,
        hostname=args.host,
        port=broker_options.port(args),
        auth=None if login is None else {"username": login.username, "password": login.password or ""},
        tls=None if tls is None else {"ca_certs": str(tls.ca_file)},
    )


def _tell(args: argparse.Namespace, lang: Language, answer: Mapping[str, object]) -> int:
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        why = Refusal(str(answer.get("reason") or "–"), str(answer.get("detail") or ""))
        outcome = answer.get("outcome")
        known = outcome if outcome in _GOOD else "refused"
        print(word(f"order_{known}", lang, why=why, audit=answer.get("audit") or "–"))
    return 0 if answer.get("outcome") in _GOOD else 1

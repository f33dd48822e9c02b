"""A real agent at a real broker, ordered about: commands go in as the bureau sends them, answers come out."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
from broker import Broker
from control_ready import listens_at
from uplink_rig import eventually

from agent.bureau.subscriber import Subscriber
from agent.bureau.view import Heard
from agent.control import SOCKET

PLACE = "44/4401/gz-baiyun"
WITHIN_S = 60.0
SITE = """\
[site]
id = "gz-baiyun"
name_zh = "广州白云分拨中心"
province = "44"
city = "4401"
level = "hub"

[bureau]
host = "127.0.0.1"
port = {port}
tls = false
report_s = 1

[spool]
directory = "{folder}/spool"
max_mb = 8

[commands]
trust_rtc = true
{commands}

{more}
"""


def ms(in_s: float = 0.0) -> int:
    """Unix milliseconds, so many seconds from now."""
    return int(1000 * (time.time() + in_s))


class OrderedSite:
    """The settings in a folder, the broker, and all that the site said."""

    def __init__(self, folder: Path, broker: Broker, commands: str = "", more: str = "") -> None:
        self.folder, self.broker = folder, broker
        self.file = folder / "hubpulse.toml"
        self.file.write_text(SITE.format(port=broker.port, folder=folder, commands=commands, more=more))
        self.heard: list[Heard] = []
        self.bureau = Subscriber("127.0.0.1", broker.port, listener=self.heard.append)
        self.socket = folder / SOCKET

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[str]]:
        """The agent, once it is connected and can be asked; killed at the end."""
        before = len(self.heard)
        words = [sys.executable, "-m", "agent", "run", self.file, "--control", self.socket]
        log = (self.folder / "agent.log").open("a")
        with log, subprocess.Popen([str(word) for word in words], stderr=log, text=True) as running:
            try:
                self.wait(lambda: any(one.tail == "meta" for one in self.heard[before:]))
                assert eventually(lambda: listens_at(self.socket))
                yield running
            finally:
                running.kill()

    def wait(self, until: object) -> None:
        assert callable(until)
        said = (self.folder / "agent.log").read_text() if (self.folder / "agent.log").exists() else ""
        assert self.bureau.wait_until(lambda: bool(until()), WITHIN_S), said + str(self.heard[-8:])

    def order(self, kind: str, fields: Mapping[str, object] | bytes, *, retain: bool = False) -> None:
        payload = fields if isinstance(fields, bytes) else json.dumps(fields)
        topic = f"hubpulse/v1/{PLACE}/cmd/{kind}"
        mqtt_publish.single(topic, payload, qos=1, retain=retain, port=self.broker.port)

    def ordered(self, kind: str, fields: Mapping[str, object] | bytes, *, retain: bool = False) -> Mapping[str, object]:
        """Order, and what is answered next."""
        before = len(self.answers())
        self.order(kind, fields, retain=retain)
        self.wait(lambda: len(self.answers()) > before)
        return self.answers()[before]

    def answers(self) -> Sequence[Mapping[str, object]]:
        return self.told("cmd/ack")

    def told(self, tail: str) -> Sequence[Mapping[str, object]]:
        """Everything said on a topic, each message once, oldest first."""
        said = [one.fields for one in tuple(self.heard) if one.tail == tail]
        return list({(fields.get("epoch"), fields.get("seq")): fields for fields in said}.values())

    def latest(self, tail: str) -> Mapping[str, object]:
        """The last thing said on a topic; empty before the first."""
        return next(reversed(self.told(tail)), {})

    def verb(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

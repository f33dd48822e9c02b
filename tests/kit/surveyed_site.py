"""A real site in this process, for `hubpulse ready`: a panel, two scanners, a spool; what its Survey says of it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from certificates import Authority
from input_panel import Panel
from ptys import Adapter
from scanners import lines
from uplink_rig import eventually

import config
from agent import clock
from agent.assembling import assemble
from agent.baselines import Baselines
from agent.helm import at_the_helm
from agent.machine import Machine
from agent.survey import Survey
from agent.uplink.expiry import Expiry
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus
from config.settings import Settings

UP_S = 7200.0
CONNECTED = UplinkStatus(True, 0.0, "5", "", 0, 0, 0, 1, (), 0, False, False, 0)
_SITE = """\
[site]
id = "gz-baiyun"
province = "44"
city = "4401"
level = "hub"
[bureau]
host = "mqtt.example.org"
ca_file = "{ca}"
cert_file = "{cert}"
key_file = "{key}"
[spool]
directory = "{folder}/spool"
max_mb = 8
[bus.panel]
tcp = "127.0.0.1:{panel}"
[device.plc]
bus = "panel"
unit = 1
period_s = 0.1
point.run = {{ area = "discrete", address = 0 }}
point.in = {{ area = "input", address = 0, type = "u16", kind = "counter" }}
[input.run-1]
point = "plc.run"
as = "run"
line = "north"
on_s = 0
off_s = 0
[line.north]
induct = ["plc.in"]
capacity_pph = 20000
buffer_parcels = 5000
[scanner.gate]
line = "north"
tcp = "127.0.0.1:{gate}"
[scanner.hand]
line = "north"
serial = "{hand}"
baud = 115200
"""


class SurveyedSite:
    """Its wires are open, what they tell is heard whenever somebody asks for the `facts`."""

    def __init__(self, settings: Settings, panel: Panel, door: socket.socket, hand: Adapter, stack: ExitStack) -> None:
        now = clock.now()
        self._panel, self._hand = panel, hand
        self._spool = Spool.open(settings.spool.directory, settings.spool.max_bytes)
        stack.callback(self._spool.close)
        self._helm = at_the_helm(settings, now)
        self._site = assemble(settings, Baselines(), self._helm.inputs)
        for owner in self._site.owners:
            owner.start()
            stack.callback(owner.stop)
        machine = Machine(self._spool, settings.spool.directory, root=Path("/nowhere"))
        self._survey = Survey(settings, self._site, self._helm, self._spool, Expiry(settings.bureau.tls), machine)
        self._gate = stack.enter_context(door.accept()[0])

    def facts(self) -> dict[str, Any]:
        """What is said of this moment, as it comes out of the control socket; the clock is a time server's."""
        now = replace(clock.now(), quality="ntp")
        for owner in self._site.owners:
            for outcome in owner.take():
                self._site.intake.hear(outcome, now)
        facts: dict[str, Any] = json.loads(json.dumps(self._survey.facts(now, UP_S, CONNECTED)))
        return facts

    def once(self, seen: object) -> dict[str, Any]:
        """The facts as soon as they are such."""
        said: list[dict[str, Any]] = []
        assert callable(seen)
        assert eventually(lambda: bool(seen(said.append(self.facts()) or said[-1]))), said[-1]
        return said[-1]

    def work(self) -> None:
        """Five parcels pass the counter and each scanner, and the bureau takes a message."""
        self._panel.gauges[0] += 5
        self._gate.sendall(lines(0, 5))
        os.write(self._hand.fd, lines(5, 10))
        self._spool.commit([b"telemetry"], b"")
        self._spool.acknowledge(self._spool.next_position)


@contextmanager
def surveyed_site(folder: Path) -> Iterator[SurveyedSite]:
    """The site while its wires are open."""
    with ExitStack() as stack:
        papers = Authority(folder / "papers")
        ours = papers.issue("gz-baiyun")
        panel = stack.enter_context(Panel())
        panel.bits[0] = 1
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        door.settimeout(60)
        hand = Adapter(folder / "hand")
        stack.callback(hand.close)
        names = {"ca": papers.cert, "cert": ours.cert, "key": ours.key, "folder": folder, "hand": hand.link}
        text = _SITE.format(panel=panel.port, gate=door.getsockname()[1], **names)
        checked = config.check_text("site.toml", text.encode())
        assert checked.settings, "\n".join(fault.render("en") for fault in checked.faults)
        yield SurveyedSite(checked.settings, panel, door, hand, stack)

"""The agent reads a twin in every framing, from the settings that the twin writes: ASCII, converters, TLS."""

from __future__ import annotations

import time
from pathlib import Path

from site_text import HEAD
from twins import playing

import config
from agent import clock
from agent.assembling import device_plan
from agent.bus import Answered
from agent.intake import Intake
from agent.owners import make_owners
from agent.twin.patch import copy_site
from agent.twin.serve import addresses
from config.bus_settings import TcpBus
from config.settings import Settings

BUSES = {
    "ascii": 'serial = "/dev/serial/by-path/x"\nbaud = 115200\nframing = "ascii"\n',
    "rtu-tcp": 'tcp = "10.0.0.9:4001"\nframing = "rtu"\n',
    "ascii-tcp": 'tcp = "10.0.0.9:4002"\nframing = "ascii"\n',
    "tls": 'tcp = "10.0.0.9"\n[bus.tls.tls]\nca_file = "/ca.pem"\ncert_file = "/c.pem"\nkey_file = "/k.pem"\n'
    'server_name = "plc-7"\n',
}
COUNT = 'point.count = { area = "input", address = 10, type = "u32", word_order = "CDAB", kind = "counter" }\n'
MARK = 'fingerprint = { area = "holding", address = 100, type = "u32", expect = 240317 }\n'
LINE = """\
[line.north]
name_zh = "北线"
induct = ["on-ascii.count"]
discharge = ["on-tls.count"]
capacity_pph = 20000
buffer_parcels = 500
"""


def written() -> str:
    buses = "".join(f"[bus.{name}]\n{text}" for name, text in BUSES.items())
    devices = "".join(f'[device.on-{name}]\nbus = "{name}"\nunit = 3\nperiod_s = 0.1\n{COUNT}{MARK}' for name in BUSES)
    return HEAD + buses + devices + LINE


def heard(settings: Settings) -> dict[str, int]:
    """The last count of every device, once each has proved who it is and was read."""
    plans = [device_plan(settings, device) for device in settings.devices]
    owners = make_owners(settings, plans)
    owner_of = {bus: owner for owner in owners for bus in owner.counts()}
    bus_of = {device.id: device.bus for device in settings.devices}
    intake = Intake(plans, {}, lambda device: owner_of[bus_of[device]], clock.boot_seconds())
    counts = dict[str, int]()
    for owner in owners:
        owner.start()
    try:
        give_up_s = clock.boot_seconds() + 60
        while len(counts) < len(bus_of) or not all(seen.online for seen in intake.presence.values()):
            assert clock.boot_seconds() < give_up_s, intake.presence
            for outcome in (one for owner in owners for one in owner.take()):
                intake.hear(outcome, clock.now())
                if isinstance(outcome, Answered) and outcome.ask:
                    counts[outcome.device] = int(outcome.batch.values[0] or 0)
            time.sleep(0.005)
    finally:
        for owner in owners:
            owner.stop()
    return counts


def test_the_agent_reads_every_framing_of_a_twin_from_the_settings_that_the_twin_writes(tmp_path: Path) -> None:
    main = tmp_path / "site" / "hubpulse.toml"
    main.parent.mkdir()
    main.write_text(written())
    settings, folder = config.load(main), tmp_path / "twin"
    folder.mkdir()
    with playing(settings, folder) as played:
        copy = config.load(copy_site(main, folder, addresses(played.twin)))
        counts = heard(copy)
        assert counts == {device.id: played.raw(device.id)["count"] for device in settings.devices}
    secured = copy.bus("tls")
    assert isinstance(secured, TcpBus)
    assert secured.tls is not None
    assert secured.tls.server_name == "plc-7"

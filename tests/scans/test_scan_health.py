"""What is known of a site's scanners: connections and floods; and what a site without any does not carry."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys

import pytest
from scanners import a_scanner_that_listens, lines
from site_text import SITE
from uplink_rig import eventually

import config
from agent import clock
from agent.counters import counter_meters
from agent.scans.site import SiteScans


def test_a_flood_is_said_when_it_begins_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "hubpulse")
    monkeypatch.setattr(logging.getLogger("hubpulse"), "propagate", True)
    with a_scanner_that_listens() as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
        text = f'{SITE}[scanner.tunnel]\nline = "north"\ntcp = "{address}"\nmax_bytes_per_s = 20000\n'
        settings = config.check_text("site.toml", text.encode()).settings
        assert settings
        scans = SiteScans(settings, counter_meters(settings), clock.boot_seconds())
        scans.readers.start()
        try:
            with door.accept()[0] as scanner:
                scanner.sendall(lines(0, 2000))

                def said() -> list[str]:
                    scans.advance(clock.now())
                    return [record.getMessage().split()[0] for record in caplog.records]

                assert eventually(lambda: "scanner_flood" in said())
                assert eventually(lambda: scans.advance(clock.now())["north"].total == 2000)
                assert eventually(lambda: said()[-1] == "scanner_flood_over")
                state = scans.health()["tunnel"]
        finally:
            scans.readers.stop()
    assert isinstance(state, dict)
    assert (state["up"], state["reason"], state["octets"], state["lost"]) == (True, "connected", 2000 * 17, 0)
    assert state["slowed"] > 0
    assert "SF80" not in caplog.text


def test_a_scanner_that_is_gone_has_no_rate_and_not_the_rate_0() -> None:
    with a_scanner_that_listens() as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
        text = f'{SITE}[scanner.tunnel]\nline = "north"\ntcp = "{address}"\n'
        settings = config.check_text("site.toml", text.encode()).settings
        assert settings
        scans = SiteScans(settings, counter_meters(settings), clock.boot_seconds() - 20.0)
        scans.readers.start()
        try:
            scanner = door.accept()[0]
            with scanner:
                scanner.sendall(lines(0, 50))
                assert eventually(lambda: scans.advance(clock.now())["north"].total == 50)

                def later(seconds: float) -> float | None:
                    then = dataclasses.replace(now := clock.now(), boot_s=now.boot_s + seconds)
                    scans.take(then)
                    return scans.advance(then)["north"].pph_900

                assert eventually(lambda: later(9.0) is not None)
            door.close()
            assert eventually(lambda: not scans.readers.states()["tunnel"].up)
            assert later(20.0) is None
        finally:
            scans.readers.stop()


def test_a_site_without_scanners_does_not_carry_the_counter() -> None:
    loaded = "import agent.cli.run, agent.service, sys; print(*sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastpath.scans", "drivers.scanner", "agent.scans.site", "agent.load.scans"} & set(said)

"""The twin's contacts and gauges: all is well until a line jams or somebody presses a button."""

from __future__ import annotations

from pathlib import Path

from broker import free_port
from twins import Played, playing, read_tcp, site

BODY = """
[bus.panel]
tcp = "127.0.0.1:{port}"
[device.io]
bus = "panel"
unit = 1
point.runs = {{ area = "discrete", address = 2 }}
point.jam = {{ area = "discrete", address = 4 }}
point.mains = {{ area = "coil", address = 17 }}
point.hot = {{ area = "input", address = 9, type = "i16", scale = 0.1 }}
point.count = {{ area = "input", address = 0, type = "u16", kind = "counter" }}
[line.north]
discharge = ["io.count"]
capacity_pph = 1000
buffer_parcels = 10
[input.runs]
point = "io.runs"
as = "run"
line = "north"
[input.jam]
point = "io.jam"
as = "jam"
line = "north"
[input.mains]
point = "io.mains"
as = "mains"
"""


def shown(twin: Played) -> dict[str, object]:
    with twin.dial("panel") as wire:
        values = read_tcp(wire, twin.twin.settings.devices[0])
    return {name: values[name] for name in ("runs", "jam", "mains", "hot")}


def test_contacts_are_calm_follow_a_jam_and_show_what_somebody_sets(tmp_path: Path) -> None:
    with playing(site(BODY.format(port=free_port())), tmp_path) as twin:
        assert shown(twin) == {"runs": True, "jam": False, "mains": True, "hot": 0.0}
        twin.say("jam", line="north", seconds=60)
        assert shown(twin) == {"runs": False, "jam": True, "mains": True, "hot": 0.0}
        twin.say("set", input="io.mains", value=0)
        twin.say("set", input="io.hot", value=-12.5)
        assert shown(twin) == {"runs": False, "jam": True, "mains": False, "hot": -12.5}

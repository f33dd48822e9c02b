"""From a contact to the bureau: a real agent reads a panel; alarms are retained while they stand, verbs see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker
from input_panel import Panel
from ordered_site import PLACE, WITHIN_S, OrderedSite, ms
from uplink_rig import assert_in_order

from agent.bureau.subscriber import Subscriber
from agent.cli.local_time import to_the_second

JAM, SMOKE, MAINS, RUN = 0, 1, 2, 3
INPUTS = """
[bus.panel]
tcp = "127.0.0.1:{port}"
timeout_s = 0.3

[device.io]
bus = "panel"
unit = 1
period_s = 0.2
point.di0 = {{ area = "discrete", address = 0 }}
point.di1 = {{ area = "discrete", address = 1 }}
point.di2 = {{ area = "discrete", address = 2 }}
point.di3 = {{ area = "discrete", address = 3 }}
point.hot = {{ area = "input", address = 0, type = "i16", scale = 0.1, unit = "C" }}
point.count = {{ area = "input", address = 1, type = "u16", kind = "counter" }}

[line.north]
name_zh = "北线"
discharge = ["io.count"]
capacity_pph = 10000
buffer_parcels = 500

[input.run-north]
point = "io.di3"
as = "run"
line = "north"
on_s = 0
off_s = 0

[input.jam-north]
point = "io.di0"
as = "jam"
line = "north"
on_s = 0.3
off_s = 0.3

[input.smoke-1]
name_zh = "东区烟感"
point = "io.di1"
as = "smoke"
on_s = 0
off_s = 0.3

[input.mains]
point = "io.di2"
as = "mains"

[input.hall]
point = "io.hot"
as = "temperature"
above = 38.0
clear = 35.0
on_s = 0
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def panel() -> Iterator[Panel]:
    with Panel() as made:
        made.bits[MAINS] = made.bits[RUN] = 1
        made.gauges[0] = 215
        yield made


def stages(site: OrderedSite, name: str) -> list[object]:
    events = [*site.told("event"), *site.told("line/north/event")]
    return [one["what"] for one in events if one.get("input") == name and one.get("event") == "alarm"]


def standing(site: OrderedSite) -> list[str]:
    """The alarms that a bureau that was there all the time has."""
    latest = site.bureau.read(lambda view: view.site(PLACE).latest)
    return [tail for tail in latest if tail.startswith("alarm/")]


def test_an_alarm_is_retained_while_it_stands_and_its_events_say_all_of_it(
    broker: Broker, panel: Panel, tmp_path: Path
) -> None:
    site = OrderedSite(tmp_path, broker, more=INPUTS.format(port=panel.port))
    with site.bureau:
        with site.agent():
            site.wait(lambda: site.latest("line/north/telemetry").get("run") is True)
            site.wait(lambda: site.latest("input/hall/state").get("value") == 21.5)
            panel.bits[SMOKE] = 1
            site.wait(lambda: stages(site, "smoke-1") == ["began"])
            panel.bits[JAM] = 1
            site.wait(lambda: stages(site, "jam-north") == ["began"])
            site.wait(lambda: site.latest("line/north/telemetry").get("jam_n") == 1)
            with Subscriber("127.0.0.1", broker.port) as late:
                kept = late.wait_until(
                    lambda: "alarm/smoke-1" in late.read(lambda view: view.site(PLACE).latest), WITHIN_S
                )
                assert kept, "who comes later sees what stands"
            answer = site.ordered("alarm", {"alarm": "smoke-1", "seq": 1, "by": "bureau-gz"})
            assert answer["outcome"] == "accepted"
            site.wait(lambda: site.latest("alarm/smoke-1").get("acked_by") == "bureau-gz")
            listed = json.loads(site.verb("alarms", "--json", "--control", site.socket).stdout)
            about = {one["alarm"]: (one["as"], one["line"], one["severity"]) for one in listed["active"]}
            assert about == {"smoke-1": ("smoke", None, "critical"), "jam-north": ("jam", "north", "warning")}
            shown = site.verb("alarms", "--lang", "zh", "--control", site.socket).stdout
            assert "堵包，北线，警告  无人确认" in shown
            assert "东区烟感  烟感，全场，严重  已由 bureau-gz 确认" in shown
            assert "+08:00" in shown
            by_li = ("--by", "li", "--lang", "en", "--control", site.socket)
            began_ms = site.latest("alarm/jam-north")["onset"]
            late = {"alarm": "jam-north", "onset": began_ms - 1, "seq": 2, "by": "bureau-gz"}
            assert site.ordered("alarm", late)["reason"] == "impossible"
            earlier = site.verb("alarms", "ack", "jam-north", "--onset", str(began_ms - 1), *by_li)
            assert f"began at {began_ms} (Unix ms)" in earlier.stderr
            unsayable = site.verb("alarms", "ack", "jam-north", *by_li, "--by", "li\udcff")
            assert (unsayable.returncode, "`by` is not one line" in unsayable.stderr) == (1, True)
            assert site.verb("alarms", "ack", "jam-north", "--onset", str(began_ms), *by_li).returncode == 0
            assert "acknowledged already, by li" in site.verb("alarms", "ack", "jam-north", *by_li).stderr
            assert "stand or are over: smoke-1, jam-north." in site.verb("alarms", "ack", "nope", *by_li).stderr
            unnamed = site.verb("alarms", "ack", *by_li)
            assert (unnamed.returncode, "which alarm" in unnamed.stderr) == (2, True)
            site.wait(lambda: site.latest("alarm/jam-north").get("acked_by") == "li")
        with site.agent():
            site.wait(lambda: site.latest("line/north/telemetry").get("run") is True)
            panel.bits[SMOKE] = panel.bits[JAM] = 0
            site.wait(lambda: stages(site, "smoke-1") == ["began", "acknowledged", "ended"])
            site.wait(lambda: stages(site, "jam-north") == ["began", "acknowledged", "ended"])
            with Subscriber("127.0.0.1", broker.port) as late:
                assert late.wait_until(lambda: "meta" in late.read(lambda view: view.site(PLACE).latest), WITHIN_S)
            site.wait(lambda: not standing(site))
            over = json.loads(site.verb("alarms", "--json", "--control", site.socket).stdout)["over"]
            ended = {to_the_second(one["over"] / 1000) for one in over}
            rows = site.verb("alarms", "--lang", "en", "--control", site.socket).stdout.splitlines()
            assert {row.partition("ended ")[2].partition("  ")[0] for row in rows} == ended


def test_the_last_gasp_comes_before_all_else_and_a_silent_panel_is_unknown(
    broker: Broker, panel: Panel, tmp_path: Path
) -> None:
    site = OrderedSite(tmp_path, broker, more=INPUTS.format(port=panel.port))
    with site.bureau, site.agent():
        site.wait(lambda: site.latest("input/mains/state").get("state") == "off")
        panel.gauges[1] = 7
        site.wait(lambda: site.latest("line/north/telemetry").get("out_total") == 7)
        panel.bits[MAINS], panel.gauges[0] = 0, 391
        site.wait(lambda: site.told("gasp"))
        assert "io.count" in str(site.latest("gasp")["counts"])
        site.wait(lambda: "alarm/mains" in standing(site))
        site.wait(lambda: stages(site, "mains") == ["began"])
        order = [one.tail for one in site.heard if one.tail in {"gasp", "alarm/mains", "event"}]
        assert order.index("gasp") < order.index("alarm/mains")
        site.wait(lambda: site.latest("alarm/hall").get("value") == 39.1)
        panel.hush()
        site.wait(lambda: site.latest("input/mains/state").get("state") == "unknown")
        site.wait(lambda: site.latest("alarm/mains")["q"] == "stale")
        site.wait(lambda: "run" not in site.latest("line/north/telemetry"))
        site.wait(lambda: site.latest("state").get("inputs_unknown") == 5)
        panel.hush(silent=False)
        site.wait(lambda: site.latest("alarm/mains")["q"] == "good")
        site.wait(lambda: stages(site, "mains") == ["began", "unknown", "known"])
    assert_in_order(tmp_path / "spool")


def test_a_mode_ordered_on_the_machine_is_told_and_audited(broker: Broker, panel: Panel, tmp_path: Path) -> None:
    site = OrderedSite(tmp_path, broker, more=INPUTS.format(port=panel.port))
    mode = ("mode", "--control", site.socket)
    with site.bureau, site.agent():
        shown = site.verb(*mode, "suspended", "--reason", "weather", "--for", "1h", "--exercise", "--by", "li")
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.rstrip().endswith("a drill"), shown.stdout
        site.wait(lambda: site.latest("state").get("suspended") == "weather")
        assert site.latest("state")["exercise"] is True
        site.wait(lambda: site.latest("line/north/state").get("state") == "SUSPENDED")
        in_force = site.verb(*mode, "--lang", "en").stdout
        assert in_force.startswith("in force: suspended, weather, until 20")
        assert in_force.endswith(", by li, a drill; plan: –\n")
        told = json.loads(site.verb(*mode, "--json").stdout)
        assert ms() < told["to"] < ms(3600)
        assert (told["by"], told["exercise"], told["suspended"]) == ("li", True, "weather")
        assert "E2762" in site.verb(*mode, "peak").stderr
        assert "--reason weather" in site.verb(*mode, "suspended", "--for", "1h", "--lang", "en").stderr
        assert "--until has passed" in site.verb(*mode, "peak", "--until", "2020-01-01 00:00", "--lang", "en").stderr
        panel.bits[SMOKE] = 1
        site.wait(lambda: site.latest("alarm/smoke-1").get("exercise") is True)
        sent = ("command", "send", "mode", "mode=normal", "by=gz", "--site", PLACE, "--port", broker.port)
        obeyed = site.verb(*sent, "--json")
        assert (obeyed.returncode, obeyed.stderr) == (0, "")
        site.wait(lambda: site.latest("state").get("mode") == "normal")
        refused = site.verb(*sent[:3], "mode=peak", "by=gz", f"to={ms(-9)}", *sent[5:], "--lang", "en")
        assert (refused.returncode, "refused" in refused.stdout) == (1, True)
    read = site.verb("audit", site.file, "--json")
    trail = json.loads(read.stdout)
    assert (read.returncode, trail["faults"]) == (0, [])
    assert [one["what"] for one in trail["entries"]] == ["start", "accepted", "mode", "accepted", "mode", "refused"]
    assert [one["by"] for one in trail["entries"] if one["what"] == "mode"] == ["li", "gz"]
    path = tmp_path / "spool" / "audit.log"
    path.write_text(path.read_text().replace("weather", "powerxx"))
    broken = site.verb("audit", site.file, "--lang", "en")
    assert broken.returncode == 1
    assert "entry 2 was altered" in broken.stderr

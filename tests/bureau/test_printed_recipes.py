"""What the manual prints for a porter runs as it stands: its totals are those of `hubpulse bureau totals`, over real
messages of two sites of one city, and its signature is the one that a site takes."""

from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from simulated_network import Network, Uplink
from simulated_site import Life, World, seeded
from units import agent_environment, environment, printed_unit

from agent.__main__ import main
from agent.bureau import databases, schema
from agent.bureau.arrival import read
from agent.orders.order import KINDS
from agent.orders.seal import demand, verifier
from agent.uplink.credentials import secret

ROOT = Path(__file__).parents[2]
MANUALS = ("bureau.md", "bureau.zh-CN.md")


class Tapped(Network):
    """A network on which everything that is published is written down, whether the bureau hears it or not."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.published: list[tuple[str, bytes]] = []

    def note(self) -> None:
        """What waits at the broker is taken down, and gone from there."""
        self.published += self.queue
        self.queue.clear()


@pytest.fixture(scope="module")
def heard() -> list[tuple[str, bytes]]:
    """All that two sites of one city published in three lives each, some of it late, twice and out of order."""
    random = Random(4)
    published = [message for site in ("gz-baiyun", "gz-two") for message in _published(site, random)]
    random.shuffle(published)
    return published + published[::7]


def _published(site: str, random: Random) -> list[tuple[str, bytes]]:
    world = World.new(random)
    world.settings = replace(world.settings, site=replace(world.settings.site, id=site))
    network = Tapped(random)
    with seeded(world):
        for _ in range(3):
            life = Life(world, lambda life: Uplink(world, network, life))
            for minute in range(60):
                network.reachable = not 10 <= minute < 45
                world.work(60.0)
                life.tick(world.clock.now())
                network.note()
    return network.published


def _printed(manual: str, name: str) -> dict[str, Any]:
    """What the manual's Python defines, among it `name`."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / manual).read_text("utf-8"), re.S)
    (block,) = (one for one in blocks if f"def {name}(" in one)
    defined: dict[str, Any] = {}
    exec(block, defined)  # that it runs is the promise
    return defined


@pytest.mark.parametrize("manual", MANUALS)
def test_the_printed_recipe_for_totals_tells_two_sites_of_a_city_apart_and_what_the_bureau_tells(
    manual: str, heard: list[tuple[str, bytes]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(topic.endswith("/backlog") for topic, _ in heard)
    address = f"sqlite:{tmp_path / 'bureau.db'}"
    store, recipe = databases.opener(address)(), _printed(manual, "receive")
    for topic, payload in heard:
        store.take(list(read(topic, payload)))
        recipe["receive"](topic, payload)
    recipe["receive"](heard[0][0], b'{"v":2,"epoch":"1-abcdef","seq":9,"base":1,"counts":{"of.another.schema":5}}')
    store.close()
    assert main(["bureau", "totals", "--store", address, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sites"]
    assert set(told) == {"44/4401/gz-baiyun", "44/4401/gz-two"}
    counted = {(site, name): one["total"] for site, all_ in told.items() for name, one in all_["counters"].items()}
    events = {(site, name): total for site, all_ in told.items() for name, total in all_["events"].items()}
    assert all(counted.values())
    assert all(events.values())
    assert recipe["summed"](recipe["counted"]) == counted
    assert recipe["summed"](recipe["events"]) == events


@pytest.mark.parametrize("manual", MANUALS)
def test_the_printed_signature_over_a_key_file_as_it_is_made_is_taken_by_a_site(manual: str, tmp_path: Path) -> None:
    key, site = tmp_path / "bureau.key", "44/4401/gz-baiyun"
    key.write_text(64 * "a" + "\n", encoding="utf-8")
    key.chmod(0o640)
    fields: dict[str, object] = {"seq": 7, "mode": "peak", "to": 1_795_467_585_388, "by": "值班-1", "note": "ä"}
    fields["sig"] = _printed(manual, "signature")["signature"](site, "mode", fields, key)
    demand(verifier("hmac-sha256", secret(key)), site, KINDS["mode"], fields, required=True)


def test_what_is_advised_to_install_is_what_the_distribution_asks_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    sources = [one.read_text("utf-8") for one in (ROOT / "agent").rglob("*.py")]
    advised = {found for source in sources for found in re.findall(r"pip install '([^']+)'", source)}
    assert advised == {*extras["bureau"], *extras["ed25519"]}


@pytest.mark.parametrize("manual", MANUALS)
def test_what_the_manual_lets_go_of_old_messages_changes_no_total_and_no_gap(manual: str, tmp_path: Path) -> None:
    path = tmp_path / "bureau.db"
    store = databases.opener(f"sqlite:{path}")()
    for seq, tail in ((1, "meta"), (2, "health"), (3, "line/n/telemetry"), (5, "health")):
        said = {"epoch": "3-abcdef", "seq": seq, "ts": 1_000, "tsq": "ntp", "base": 7, "counts": {"eye.in": seq}}
        store.take(list(read(f"hubpulse/v1/44/4401/gz-two/{tail}", json.dumps(said).encode())))
    before = (store.totals(), store.missing(), store.watermarks(), store.untold())
    (statement,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / manual).read_text("utf-8"), re.S)
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(statement, {"before_s": 2}).rowcount == 2
    assert (store.totals(), store.missing(), store.watermarks(), store.untold()) == before
    assert set(store.metas()) == {"44/4401/gz-two"}
    store.close()


@pytest.mark.parametrize("manual", MANUALS)
def test_the_manual_names_every_table_and_column(manual: str) -> None:
    text = re.split(r"^### (?:The tables|数据表)$", (ROOT / "docs" / manual).read_text("utf-8"), flags=re.M)[1]
    text = text.partition("\n###")[0]
    rows = {
        name: row for row in re.findall(r"^\| `.*$", text, re.M) for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    for table in filter(lambda one: one.startswith("CREATE TABLE"), schema.TABLES):
        name = table.split("EXISTS ")[1].split(" ")[0]
        columns = set(re.findall(r"(\w+) (?:TEXT|BIGINT|INTEGER)", table))
        shared = {"payload", "first", "topic"} if name in {"conflict", "gone", "missing"} else set()
        assert columns - shared <= set(re.findall(r"`(\w+)`", rows[name])) | {"reason", "first"}, name


def _text(manual: str) -> str:
    return (ROOT / "docs" / manual).read_text("utf-8")


@pytest.mark.parametrize("manual", MANUALS)
def test_the_printed_service_begins_again_until_broker_and_database_are_there(manual: str) -> None:
    lines = printed_unit(_text(manual)).splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert said["Restart"] == "always" and float(said["RestartSec"]) > 0
    assert said["StartLimitIntervalSec"] == "0", "five refusals in ten seconds, and systemd would give it up"


@pytest.mark.parametrize("manual", MANUALS)
def test_the_printed_service_turns_off_the_caches_that_only_make_it_larger_as_the_agents_does(manual: str) -> None:
    assert environment(printed_unit(_text(manual))) == agent_environment()
    assert "GLIBC_TUNABLES" in agent_environment()

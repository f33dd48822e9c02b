"""`hubpulse bundle`: one command, one file, from a site in any state; nothing that may not leave is in it."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path

import powerless
import pytest
from broker import Broker
from ordered_site import OrderedSite, ms
from site_text import SITE

from agent.__main__ import main
from agent.load.instant import Instant
from agent.orders.audit import Trail
from agent.uplink.spool import Spool

WAYBILLS = (
    "SF1234567890123",
    "7312345678901234",
    "JDX012345678901-1-3-",
    "RR123456785CN",
    "DPK12345678901",
    "12345678",
)
PASSWORD = "hunter2 horse"
HMAC_KEY = "ZmFyZXdlbGwgbGVhdmVz"
JOURNAL = f"""\
2026-11-26T09:24:02+0800 hubpulse[812]: device_offline device=plc-a bus=sorter reason=timeout
2026-11-26T09:24:03+0800 hubpulse[812]: odd_line {" ".join(WAYBILLS)} password={PASSWORD} url=mqtt://agent:hunter3@host
2026-11-26T09:24:04+0800 hubpulse[812]: steered mode=peak by=li.wei {HMAC_KEY}
"""
SETTINGS = f"""\
# old password: {PASSWORD}, call li.wei
{{site}}
[spool]
directory = "{{folder}}/spool"
max_mb = 8
[commands]
key_file = "{{folder}}/order.key"
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which the journal holds all that should never have been logged."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "journal").write_text(JOURNAL)
    (programs / "journalctl").write_text(f"#!/bin/sh\ncat {tmp_path}/journal\n")
    (programs / "systemctl").write_text("#!/bin/sh\necho ActiveState=failed\necho ExecMainStatus=78\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("BROKER_PASSWORD", "hunter4")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A site whose files, spool and audit trail are full of what may not leave."""
    (tmp_path / "bureau.password").write_text(f"{PASSWORD}\n")
    (tmp_path / "order.key").write_text(HMAC_KEY)
    for secret in ("bureau.password", "order.key"):
        (tmp_path / secret).chmod(0o600)
    site = SITE.replace(
        'password_credential = "bureau-password"', f'password_file = "{tmp_path}/bureau.password" # {PASSWORD}'
    )
    site = site.replace('"gz-baiyun"\npassword', '"li.wei"\npassword').replace("North line", f"North {WAYBILLS[0]}")
    file = tmp_path / "hubpulse.toml"
    file.write_text(SETTINGS.format(site=site, folder=tmp_path))
    (conf_d := tmp_path / "conf.d").mkdir()
    (conf_d / f"{WAYBILLS[0]}.toml").write_text(f"# {PASSWORD}\n")
    fill_spool(tmp_path / "spool")
    return file


def fill_spool(folder: Path) -> None:
    spool = Spool.open(folder, 1 << 20)
    spool.commit([waybill.encode() for waybill in WAYBILLS], PASSWORD.encode())
    spool.acknowledge(2)
    spool.commit([b"one more"], b"")
    spool.close()
    at = Instant("boot", 5.0, 1_795_000_000.5, "ntp")
    trail = Trail(folder)
    trail.write(
        "mode", at, by="li.wei", note=f"{WAYBILLS[0]} {PASSWORD}", parcels=int(WAYBILLS[1]), to=1_795_000_000_000
    )
    trail.write("start", at, **{WAYBILLS[2]: {"password": "hunter3"}})


def bundle(*words: object) -> dict[str, bytes]:
    """The bundle's files by name, from the command as it is typed."""
    folder = Path(str(words[0])).parent / "out"
    folder.mkdir()
    assert main(["bundle", *map(str, words), "-o", str(folder)]) == 0
    (made,) = folder.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    return unpacked(made)


def unpacked(made: Path) -> dict[str, bytes]:
    with tarfile.open(made) as archive:
        return {
            name.partition("/")[2]: file.read() for name in archive.getnames() if (file := archive.extractfile(name))
        }


def leaks(found: dict[str, bytes]) -> list[tuple[str, str]]:
    planted = (*WAYBILLS, PASSWORD, "hunter", HMAC_KEY, "li.wei")
    octets = {name: name.encode() + one for name, one in found.items()}
    return [(one, name) for one in planted for name in octets if one.encode() in octets[name]]


@pytest.mark.usefixtures("journal")
def test_of_all_that_is_planted_nothing_is_in_the_bundle_and_what_helps_is(settings: Path) -> None:
    found = bundle(settings, "--control", settings.with_name("nobody.sock"))
    assert leaks(found) == []
    assert json.loads(found["check.json"])["ok"]
    assert 'host = "mqtt.example.org"' in found["settings/hubpulse.toml"].decode()
    assert "device_offline device=plc-a bus=sorter reason=timeout" in found["journal.txt"].decode()
    assert json.loads(found["unit.json"]) == {"ActiveState": "failed", "ExecMainStatus": 78}
    first, *entries = map(json.loads, found["audit.jsonl"].splitlines())
    assert (first["newest"]["n"], first["faults"]) == (2, [])
    assert (entries[0]["what"], entries[0]["at"], entries[0]["by"]) == ("mode", "2026-11-18T11:06:40+00:00", "[name]")
    spool = json.loads(found["spool.json"])
    assert sum(one["bytes"] for one in spool["segments"]) == sum(
        path.stat().st_size for path in settings.with_name("spool").glob("*.segment")
    )
    assert (spool["books"]["acked"], spool["books"]["end"]) == (2, len(WAYBILLS) + 1)
    assert {one["mode"] for one in json.loads(found["files.json"]) if "mode" in one} == {"0600"}
    machine = json.loads(found["machine.json"])
    assert machine["hubpulse"] and machine["clock"]["quality"] and machine["disks"]
    assert "no agent answers at" in found["contents.txt"].decode()


@pytest.mark.usefixtures("journal")
def test_broken_settings_are_told_as_far_as_they_can_be_read_with_their_faults(settings: Path) -> None:
    text = settings.read_text().replace("[spool]", f'password = {PASSWORD}\n"{PASSWORD}\n[[spool')
    settings.write_text(text.replace("max_mb = 8", "max_mb = 8 MB # ask zhang.san"))
    found = bundle(settings, "--control", settings.with_name("nobody.sock"))
    assert leaks(found) == []
    assert not [name for name, octets in found.items() if b"zhang.san" in octets]
    check = json.loads(found["check.json"])
    assert not check["ok"] and check["faults"][0]["line"]
    assert 'host = "mqtt.example.org"' in found["settings/hubpulse.toml"].decode()


def test_a_trail_of_any_form_stops_no_bundle(settings: Path) -> None:
    depth = 600
    with settings.with_name("spool").joinpath("audit.log").open("ab") as trail:
        trail.write(b'{"n": [1e400, -5, null], "at": "x", "what": {}}\nno entry\n')
        trail.write(b'{"n": 3, "what": ' + b"[" * depth + b"]" * depth + b"}\n")
    found = bundle(settings, "--control", settings.with_name("nobody.sock"))
    assert {"check.json", "spool.json", "ports.json"} <= set(found)


def test_what_the_running_agent_says_of_itself_goes_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        site = OrderedSite(tmp_path, broker)
        with site.bureau, site.agent():
            site.ordered("mode", {"seq": 1, "mode": "peak", "to": ms(3600.0), "by": "li.wei", "note": WAYBILLS[0]})
            found = bundle(site.file, "--control", site.socket, "--json")
    assert leaks(found) == []
    assert json.loads(found["agent/survey.json"])["uplink"]["connected"]
    assert json.loads(found["agent/status.json"])["site"] == "gz-baiyun"
    assert "agent/alarms.json" in {part["name"] for part in json.loads(capsys.readouterr().out)["parts"]}


def test_who_may_read_nothing_gets_a_bundle_that_says_so(settings: Path) -> None:
    settings.chmod(0)
    target = settings.with_name("mine.tar.gz")
    done = powerless.hubpulse("bundle", str(settings), "-o", str(target), "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert f"{settings}: Permission denied" in done.stdout
    assert "No waybill number and no secret is in it" in done.stdout
    assert {"machine.json", "contents.txt"} <= set(unpacked(target))


@pytest.mark.parametrize("room", [0, 700])
def test_a_full_disk_leaves_no_bundle_and_no_half_of_one(settings: Path, room: int) -> None:
    (out := settings.with_name("out")).mkdir()
    command = [sys.executable, "-m", "agent", "bundle", str(settings), "-o", str(out), "--lang", "en"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    assert (done.returncode, "[E2791]" in done.stderr, list(out.iterdir())) == (1, True, []), done.stderr


def test_a_bundle_of_any_name_can_be_unpacked_beside_itself(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("for-li.tgz", "for-li"):
        assert main(["bundle", str(settings), "-o", name, "--control", "none.sock"]) == 0
        with tarfile.open(name) as archive:
            archive.extractall(filter="data")
    assert list(tmp_path.glob("hubpulse-support-*/contents.txt"))


def test_a_file_that_is_there_is_kept_until_one_says_force(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (target := settings.with_name("mine.tar.gz")).write_text("kept")
    assert main(["bundle", str(settings), "-o", str(target), "--lang", "zh"]) == 73
    assert (target.read_text(), "已存在" in capsys.readouterr().err) == ("kept", True)
    assert main(["bundle", str(settings), "-o", str(target), "--force"]) == 0
    assert "contents.txt" in unpacked(target)


def test_a_dry_run_lists_the_same_parts_in_chinese_and_writes_nothing(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = settings.with_name("mine.tar.gz")
    assert main(["bundle", str(settings), "-o", str(target), "--dry-run", "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert not target.exists()
    assert "machine.json" in said and "未包含：" in said and "没有写入任何文件" in said


def test_a_bundle_without_the_settings_ends_with_how_to_name_them(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, advised in ((settings, False), (settings.with_name("elsewhere.toml"), True)):
        assert main(["bundle", str(file), "--dry-run", "--lang", "en"]) == 0
        assert ("hubpulse bundle FILE --control SOCKET" in capsys.readouterr().out) is advised

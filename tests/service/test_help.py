"""`hubpulse --help` and what every verb says of itself and of a mistake, in both languages."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from chinese import half_width

from agent.__main__ import VERBS, main
from agent.cli.parser import Parser
from agent.twin.deeds import COMMANDS
from config import messages, profiles
from config.site_settings import Level

NAMES = """
    hubpulse modbus tcp rtu ascii plc toml json tls ca wireshark markdown sqlite postgresql unix ed25519 systemd
    sigterm ctrl c root int d100 pem sudo s m h d utc id gb t a f 0x
"""
"""Names of things, units and letters, which are the same in Chinese."""

TYPED = re.compile(
    r"`[^`]*`|'[^']*'|“[^”]*”|\{[^}]*\}|\[[^\]\n]*\]"  # quoted; choices; optional parts
    r"|(?:hubpulse|openssl|sudo|systemctl|chmod|umask|journalctl) [^\n]*?(?=  |\)|,|\n|$)"  # command lines
    r"|\w*[=/@_|][\w./:@=|-]*|--?[a-z][a-z-]*|[a-z]+:[0-9]\w*"  # paths, addresses, assignments, options
    r"|\w+(?:[.-]\w+)+|\w+…"  # files, names in several parts, what was cut
)
"""What is typed as it stands."""


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        main(list(words))
    caught = capsys.readouterr()
    return caught.out + caught.err


def parser_of(verb: str) -> Parser:
    room = importlib.import_module(f"agent.cli.{verb.replace('-', '_')}")
    parser = Parser(prog=f"hubpulse {verb}", description=room.__doc__)
    room.add_arguments(parser)
    return parser


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def identifiers() -> set[str]:
    """Every option, choice and verb there is, and the names above."""
    known = {*VERBS, *NAMES.split(), *get_args(Level), *COMMANDS}
    for verb in VERBS:
        for parser in parsers(parser_of(verb)):
            for action in parser._actions:
                known |= {str(choice).lower() for choice in action.choices or ()}
                known |= {word for option in action.option_strings for word in option.strip("-").split("-")}
    return known


def english_in(text: str, known: set[str]) -> set[str]:
    return {
        word
        for word in re.findall(r"\b(?![ew][0-9]{4}\b)[a-z][a-z0-9]*", TYPED.sub(" ", text).lower())
        if word not in known
    }


@pytest.mark.parametrize("verb", ["", *VERBS, "bureau run", "bureau totals", "profiles list", "profiles new"])
def test_help_in_chinese_holds_no_english_word_and_no_english_sign(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(capsys, *verb.split(), "--help", "--lang", "zh")
    assert shown.startswith("用法：hubpulse")
    assert english_in(shown, identifiers()) == set()
    assert half_width(shown) == []


MISTAKES = (
    ("raed",),
    ("--versoin",),
    ("--lang",),
    ("read",),
    ("read", "bus", "x", "40001"),
    ("read", "bus", "1", "40001", "--parity", "evn"),
    ("read", "bus", "1", "40001", "--count"),
    ("read", "bus", "1", "40001", "--every", "3x"),
    ("read", "bus", "1", "40001", "--timeout", "3h"),
    ("read", "bus", "1", "40001", "--json=1"),
    ("read", "bus", "1", "40001", "--profi", "x"),
    ("mode", "--for", "1h", "--until", "2026-11-26 18:00"),
    ("mode", "--until", "tomorrow"),
    ("mode", "--until", "2026-02-30 18:00"),
    ("baseline", "many"),
    ("audit", "--known", "3:abcd"),
    ("alarms", "jam-north"),
    ("alarms", "acknowledge", "jam-north"),
    ("bureau", "totls"),
    ("bureau", "totals", "--jsn"),
    ("bureau", "run", "--port", "0"),
    ("watch", "--site", "gz"),
    ("probe", "bus", "--baud", "1"),
    ("check", "--conf-d", "/nowhere"),
    ("simulate", "--speed", "0"),
    ("simulate", "--from", "25:00"),
    ("simulate", "--broker", "here"),
    ("demo", "--picture", "/nowhere/a.svg"),
    ("explain",),
    ("profiles", "new"),
)


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistyped_command_is_explained_in_chinese(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.messages.language", lambda *_: "zh")
    complaint = said(capsys, *words).partition("错误：")[2]
    typed = set(re.findall(r"[a-z0-9]+", " ".join(words).lower()))
    assert complaint
    assert english_in(complaint, identifiers() | typed) == set()
    assert half_width(complaint) == []


COMPLAINTS = (
    "alarms --control no.sock",
    "alarms ack --control no.sock",
    "mode --control no.sock",
    "mode suspended --for 1h --control no.sock",
    "mode peak --control no.sock",
    "ready --control no.sock",
    "baseline 5 --control no.sock",
    "audit nope.log",
    "audit torn.log",
    "audit bad.toml",
    "command send mode mode=peak",
    "command send mode mode=peak --tls --site 44/4401/gz",
    "command sign mode mode=peak to=+1h --site 44/4401/gz",
    "command sign mode mode=no by=a to=+1h --site 44/4401/gz",
    "command sign mode mode --site 44/4401/gz",
    "command sign mode mode=peak by=a to=+1h --site 44/4401/gz --key weak.key",
    "command sign mode mode=peak by=a to=+1h --site 44/4401/gz --key open.key",
    "simulate",
    "simulate nope.toml",
    "simulate bad.toml",
    "simulate --at nowhere --tell truth",
    "bureau totals --store x:1",
    "bureau totals --store sqlite:no.db",
    "bureau totals --store sqlite:torn.log",
    "bureau gaps --store postgresql://a:b@c/d",
    "bureau run --workers 2",
    "watch --password-file weak.key",
    "probe nope --settings none.toml",
    "probe /dev/null --listen 1s",
    "read /dev/null 1 40001",
    "read 127.0.0.1 999 40001",
    "read 127.0.0.1 1 zz",
    "scan-test tcp x",
    "scan-test serial /dev/null",
    "tap nope --settings none.toml",
    "locker show --settings nope.toml",
    "check nope.toml",
    "check bad.toml",
    "check .",
    "run bad.toml",
    "install --root nowhere --dry-run",
    "install --root /proc/nowhere",
    "explain zz",
    "explain 010300",
    "profiles show zzzz",
    "profiles new Bad",
    "init bad.toml",
    "init /proc/x/y.toml",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("words")
    (made / "bad.toml").write_text("[sit]\na = 1\n")
    (made / "torn.log").write_text('{"n": "1", "at": 99999999999999999999}\nno entry\n')
    for name, mode in (("open.key", 0o644), ("weak.key", 0o600)):
        (made / name).write_text("short\n")
        (made / name).chmod(mode)
    return made


@pytest.mark.parametrize("line", COMPLAINTS)
def test_what_cannot_be_done_is_explained_in_chinese(
    line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    status = main([*line.split(), "--lang", "zh"])
    caught = capsys.readouterr()
    shown = re.sub(r"^ +[0-9]+ \|.*$", "", caught.out + caught.err, flags=re.MULTILINE)  # the settings as they stand
    typed = set(re.findall(r"[a-z0-9]+", line.lower())) | set(profiles.names([]))
    assert status or "--dry-run" in line
    assert shown.strip()
    assert english_in(shown, identifiers() | typed) == set()
    assert half_width(shown) == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("raed", "x"), "read"),
        (("watsh",), "watch"),
        (("read", "bus", "1", "40001", "--exepct", "5"), "--expect"),
        (("read", "bus", "1", "40001", "--exepct=5"), "--expect"),
        (("bureau", "totls"), "totals"),
        (("bureau", "run", "--workres=2"), "--workers"),
        (("bureau", "totals", "--jsn"), "--json"),
        (("mode", "emergncy"), "emergency"),
    ],
)
def test_what_was_probably_meant_is_named(
    words: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, *words).strip().endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "line", ["check --zzzzzz", "bureau run --plain", "bureau totals --workers 2", "status --plain"]
)
def test_what_resembles_nothing_is_refused_without_a_guess(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" not in said(capsys, *line.split())


def test_what_a_verb_below_does_not_know_is_refused_with_the_usage_of_that_verb(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert said(capsys, "bureau", "run", "--recepts").startswith("usage: hubpulse bureau run ")


def test_a_console_that_cannot_show_chinese_gets_question_marks_and_no_traceback() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for words in (["--help"], ["read", "--help"], ["audit", "nope.log"], ["profiles", "list"]):
        command = [sys.executable, "-m", "agent", *words, "--lang", "zh"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=60)
        assert "Traceback" not in done.stderr
        assert done.stdout + done.stderr


def test_every_option_says_what_it_is_for() -> None:
    silent = {
        (verb, action.dest)
        for verb in VERBS
        for parser in parsers(parser_of(verb))
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    }
    assert silent == set()


def test_the_catalogue_of_the_command_line_holds_nothing_that_is_never_said() -> None:
    spoken = {text for verb in VERBS for parser in parsers(parser_of(verb)) for text in texts_of(parser)}
    sources = inspect.getsource(argparse) + inspect.getsource(importlib.import_module("agent.__main__"))
    sources += inspect.getsource(importlib.import_module("agent.cli.simulate"))
    unsaid = {
        english
        for english in messages.typed_texts()
        if english not in spoken and english.encode("unicode_escape").decode() not in sources and english not in sources
    }
    assert unsaid == set()


def texts_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (text for text in (action.help, action.metavar) if isinstance(text, str))
        if isinstance(action, argparse._SubParsersAction):
            yield from (shown.help or "" for shown in action._get_subactions())


def test_no_chinese_text_of_the_catalogue_holds_english_prose() -> None:
    for page in (Path(messages.__file__).parent / "texts").glob("*.toml"):
        for text in chinese_in(tomllib.loads(page.read_text("utf-8"))):
            bare = TYPED.sub("|", re.sub(r'"[^"]*"', "|", text))
            assert not re.search(r"[a-z]{2,},? [a-z]{2,},? [a-z]{2,}", bare), text


def chinese_in(table: object) -> Iterator[str]:
    """Every text below `table` that is not of its English."""
    if isinstance(table, dict):
        for name, below in table.items():
            if name not in {"en", "chinese_keys"}:
                yield from chinese_in(below)
    elif isinstance(table, list):
        yield from table
    elif isinstance(table, str):
        yield table

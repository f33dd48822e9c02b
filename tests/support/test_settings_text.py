"""The operator's files in a support bundle: every setting is there in its line, and nothing else is."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from site_text import SITE

import config
from agent.support.gate import Gate
from agent.support.settings_text import NO_SETTING, SettingsText

SHIPPED = Path(config.__file__).parent
TEXTS = [
    SHIPPED / "example.toml",
    *(SHIPPED / "examples").glob("*.toml"),
    *sorted((SHIPPED / "profiles").glob("*.toml")),
]


def told(text: str) -> str:
    return SettingsText.read(text).told(Gate())


def without_names(tree: dict[str, Any]) -> dict[str, Any]:
    if "username" in tree.get("bureau", {}):
        tree["bureau"]["username"] = "[name]"
    return tree


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_sound_files_keep_every_setting_and_lose_every_comment(path: Path) -> None:
    text = path.read_text("utf-8")
    shown = told(text)
    assert shape(tomllib.loads(shown)) == shape(without_names(tomllib.loads(text)))
    assert "# " not in shown


def shape(value: Any) -> Any:
    """What is told, but texts in which the gate blanked something, as the number of a manual."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return Gate().text(value) if isinstance(value, str) else value


def test_each_statement_stays_in_its_line_so_that_a_fault_finds_its_place() -> None:
    lines = told(SITE).splitlines()
    for number, line in enumerate(SITE.splitlines()):
        if line and "username" not in line and "point." not in line:
            assert lines[number] == line


@pytest.mark.parametrize(
    "planted",
    [
        "# the broker's password is {secret}",
        'password = "{secret}"  # {secret}',
        "password = {secret}",
        'password = "{secret}',
        "passwd: {secret}",
        "passwrd = '{secret}'",
        'token.bureau = "{secret}"',
        'login = {{ name = "a", secret = "{secret}" }}',
        'list = [ # {secret}\n  "{secret}" ]',
        'password = """\n{secret}\n"""',
        'password = """\n{secret}\n',
        'username = "{secret}"',
        'username = "{secret}',
        'password = {{ host = "{secret}" }}',
        'pin = {{ host = "{secret}" }}',
        'pin.host = "{secret}"',
        '[passwords]\nhost = "{secret}"',
        "[bureau.secret]\nhost = {secret} {secret}",
        'password = "a\nhost = {secret} b',
        "username = {secret}",
        "user = '{secret}'",
        '密码 = "{secret}"',
        '"my password" = "{secret}"',
        "{secret}",
        "password_file = [ # {secret}",
        'host = "mqtt://a:{secret}@mqtt.example.org"',
    ],
)
@pytest.mark.parametrize("under", ["[bureau]", "[commands]"])
def test_a_secret_in_a_comment_a_wrong_key_or_a_broken_line_is_not_told(planted: str, under: str) -> None:
    text = (
        SITE.replace(under, f"{under}\n{planted.format(secret='hunter2')}")
        if under in SITE
        else f"{SITE}\n{under}\n{planted.format(secret='hunter2')}\n"
    )
    found = SettingsText.read(text)
    assert "hunter2" not in found.told(Gate(frozenset(found.secrets)))


def test_a_typing_error_is_seen_by_its_key_without_its_value() -> None:
    assert f'baudrate = "{NO_SETTING}"' in told(SITE.replace("baud = 19200", "baudrate = 19200"))


def test_a_line_of_a_setting_that_cannot_be_read_is_told_as_it_stands() -> None:
    assert "baud = 19200 8N1" in told(SITE.replace("baud = 19200", "baud = 19200 8N1 # as it was"))


def test_a_long_number_of_a_setting_is_told_with_its_thousands_apart() -> None:
    assert "modulus = 4_294_967_296" in told("[device.a.point.b]\nmodulus = 4294967296\n")


@given(
    st.text(max_size=300) | st.lists(st.sampled_from([*SITE.splitlines(), '"""', "[", "password = x"])).map("\n".join)
)
def test_any_text_is_told_without_a_stumble(text: str) -> None:
    found = SettingsText.read(text)
    assert found.told(Gate(frozenset(found.secrets))).count("\n") <= text.count("\n") + 1

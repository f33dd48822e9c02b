"""`hubpulse mode` drops nothing that was typed: what does not go with the mode is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.__main__ import main


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("emergency", "--for", "1h", "--reason", "weather"), "E2773", 1),
        (("--for", "1h"), "E2774", 2),
        (("--reason", "power"), "E2774", 2),
    ],
)
def test_what_does_not_go_with_the_mode_is_refused_and_not_dropped(
    words: tuple[str, ...], code: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mode", *words, "--control", str(tmp_path / "nobody")]) == status
    assert code in capsys.readouterr().err


@pytest.mark.parametrize("place", ["10.0.0.1:1883", "mqtt.example.org:1883", "[2001:db8::1]:1883"])
def test_a_simulated_site_is_never_led_to_a_broker_elsewhere(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "site.toml", "--broker", place, "--lang", "en"])
    assert "is not on this machine" in capsys.readouterr().err

"""Certificates that are about to end are told in time, whatever the files hold."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority, Pair
from fault_matrix import Figure
from hypothesis import given
from hypothesis import strategies as st

from agent.load.instant import ClockQuality, Instant
from agent.uplink.expiry import Expiry, not_after_s
from config.uplink_settings import Tls

DAY_S = 86_400.0


@dataclass(frozen=True)
class Papers:
    """A CA and a certificate of ours; both were made to last thirty days from `made_s`."""

    ca: Path
    ours: Pair
    made_s: float


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    authority = Authority(tmp_path_factory.mktemp("papers"))
    end = ssl.cert_time_to_seconds(str(_decoded(authority.cert)["notAfter"]))
    return Papers(authority.cert, authority.issue("gz-baiyun"), end - 30 * DAY_S)


def _decoded(ca: Path) -> dict[str, object]:
    context = ssl.create_default_context(cafile=str(ca))
    return dict(context.get_ca_certs()[0])


def at(papers: Papers, days: float, quality: ClockQuality = "ntp") -> Instant:
    return Instant("boot", 100.0, papers.made_s + days * DAY_S, quality)


def test_the_end_of_a_certificate_is_what_openssl_says(papers: Papers) -> None:
    der = ssl.PEM_cert_to_DER_cert(papers.ca.read_text())
    assert not_after_s(der) == papers.made_s + 30 * DAY_S


@pytest.mark.fault("N14")
def test_days_left_are_told_and_warned_of_once_at_30_7_and_1_days(
    papers: Papers, caplog: pytest.LogCaptureFixture, figure: Figure
) -> None:
    expiry = Expiry(Tls(papers.ca, papers.ours.cert, papers.ours.key))
    warned = []
    for tenth in range(-20, 310):
        left = expiry.days_left(at(papers, tenth / 10))
        assert left is not None
        assert left["ca"] == pytest.approx(30 - tenth / 10, abs=0.06)
        warned += [(left["ca"], record) for record in caplog.messages if "which=ca" in record]
        caplog.clear()
    assert [days for days, _ in warned] == [30.0, 7.0, 1.0, 0.0]
    figure(warned_days=len(warned))


@pytest.mark.fault("N14")
def test_a_renewed_certificate_is_noticed_without_a_restart(papers: Papers, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_bytes(papers.ours.cert.read_bytes())
    expiry = Expiry(Tls(papers.ca, mine, papers.ours.key))
    before = expiry.days_left(at(papers, 28.0))
    renewed = Authority(tmp_path / "ca").issue("gz-baiyun", days=400)
    mine.write_bytes(renewed.cert.read_bytes())
    after = expiry.days_left(at(papers, 28.0))
    assert before
    assert after
    assert (before["own"] < 3, after["own"] > 300) == (True, True)


@pytest.mark.fault("N14")
def test_a_clock_that_is_not_set_judges_no_certificate(papers: Papers) -> None:
    expiry = Expiry(Tls(papers.ca, None, None))
    assert expiry.days_left(at(papers, -9000.0, "none")) is None


def test_without_tls_or_with_files_that_are_none_nothing_is_told(papers: Papers, tmp_path: Path) -> None:
    now = at(papers, 1.0)
    assert Expiry(None).days_left(now) is None
    assert Expiry(Tls(tmp_path / "absent", None, None)).days_left(now) is None


@given(octets=st.binary(max_size=300), place=st.integers(0, 400))
def test_any_bytes_are_a_certificate_or_a_value_error(papers: Papers, octets: bytes, place: int) -> None:
    der = ssl.PEM_cert_to_DER_cert(papers.ca.read_text())
    for damaged in (octets, der[:place] + octets + der[place + len(octets) :]):
        try:
            not_after_s(damaged)
        except ValueError:
            continue

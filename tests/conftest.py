"""The fault matrix: a test says which rows it shows, `@pytest.mark.fault("B7")`, and by `figure` what it measured.

`./dev faults` runs these tests and makes the pages docs/faults*.md of what they noted (kit/fault_matrix.py).
"""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path

import pytest
from fault_matrix import Figure
from hypothesis import HealthCheck, settings

from agent.bus import owner

ROWS = "rows of the fault matrix"
NOTED = pytest.StashKey[list[dict[str, object]]]()


settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
owner._STOP_S = 60.0  # a thread that a busy machine holds up ends before its wires are taken away


def pytest_addoption(parser: pytest.Parser) -> None:
    matrix = parser.getgroup("fault matrix")
    matrix.addoption("--fault-rows", metavar="ROWS", help="only tests that show these rows, with commas between them")
    matrix.addoption("--fault-figures", type=Path, metavar="FILE", help="write what those tests noted there, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    # What programs say is compared in English, whatever the developer's locale.
    os.environ["LC_ALL"] = "C.UTF-8"
    # A shell leaves Ctrl-C ignored in what it starts in the background, and so would every program under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "fault(*rows): the rows of the fault matrix (tests/faults.toml) that it shows")
    config.stash[NOTED] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    rows = config.getoption("--fault-rows")
    for item in items:
        item.user_properties += [(ROWS, [row for mark in item.iter_markers("fault") for row in mark.args])]
    if rows is not None:
        wanted = [item for item in items if set(rows.split(",")) & set(dict(item.user_properties)[ROWS])]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted


def pytest_runtest_teardown() -> None:
    """A verb that was run within a test has sent the log of this process to a stream that ends with the test."""
    log = logging.getLogger("hubpulse")
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.NOTSET)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Note what was measured, by name with its unit: `figure(recovery_s=0.3)`. For people: it proves nothing."""
    return lambda **measured: request.node.user_properties.extend(measured.items())


@pytest.fixture
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether a campaign is to run at its full length, as under `./dev faults`, rather than for a second or two."""
    return pytestconfig.getoption("--fault-figures") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    noted = dict(item.user_properties)
    rows = noted.pop(ROWS)
    if rows and (report.when == "call" or not report.passed):
        test = {"rows": rows, "test": item.originalname, "outcome": report.outcome, "figures": noted}  # type: ignore[attr-defined]
        item.config.stash[NOTED].append({**test, "reason": _why_not(report)})
    return report


def _why_not(report: pytest.TestReport) -> str:
    """Why a test was skipped; empty of one that ran."""
    where = report.longrepr
    return where[2].removeprefix("Skipped: ") if report.skipped and isinstance(where, tuple) else ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    into = session.config.getoption("--fault-figures")
    if into is not None:
        into.write_text(json.dumps(session.config.stash[NOTED]))

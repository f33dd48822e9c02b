"""The picture of the house in README and DESIGN is true of the code."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agent", "config", "drivers", "fastpath")
MAY_USE = {
    "agent": {"config", "drivers", "fastpath"},
    "drivers": {"config", "fastpath"},
    "config": set(),
    "fastpath": set(),
}
PURE = ("config", "drivers", "fastpath", "agent/load", "agent/orders", "agent/inputs")
FORBIDDEN_IN_PURE = {"asyncio", "socket", "threading", "time", "serial", "paho", "selectors", "subprocess"}


def sources(folder: str) -> list[Path]:
    return sorted(path for ending in ("*.py", "*.pyi") for path in (ROOT / folder).rglob(ending))


def imports(path: Path) -> set[str]:
    """The full dotted names that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_the_rooms_run_down_only(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(room)
        for name in imports(path)
        if name.split(".")[0] in set(ROOMS) - {room} - MAY_USE[room]
    ]
    assert not wrong


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_import_no_clock_no_thread_and_no_wire(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(room)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN_IN_PURE
    ]
    assert not wrong


def test_the_pure_rooms_of_the_agent_lean_on_no_impure_floor_of_it() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room in ("load", "orders", "inputs")
        for path in sources(f"agent/{room}")
        for name in imports(path)
        if name.startswith("agent.") and not name.startswith(("agent.load", f"agent.{room}"))
    ]
    assert not wrong


def test_wall_time_is_read_in_one_file_only() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources("agent")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.time", "time.time_ns", "datetime.now"}
    }
    assert readers == {"agent/clock.py"}


def test_the_four_import_names_are_ours_alone() -> None:
    owners = metadata.packages_distributions()
    assert {room: set(owners.get(room, [])) for room in ROOMS} == {room: {"hubpulse"} for room in ROOMS}


def test_every_file_opens_with_a_line_that_says_what_it_knows() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


LONGEST_FILE = 300
LONGEST_FUNCTION = 25
LONG_FILES = {
    "tests/kit/counting_model.py",
}
LONG_FUNCTIONS = {
    "agent/load/site.py SiteModel.advance",
    "config/wiring.py device",
    "drivers/scan_guess.py guess",
}
"""These are longer still. A name may leave these sets, and none may come."""


def test_a_file_has_room_for_one_idea() -> None:
    folders = (*ROOMS, "benchmarks", "tests/kit")
    long = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in sources(folder)
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    }
    assert long == LONG_FILES


def test_a_function_is_read_at_a_glance() -> None:
    long = {
        f"{path.relative_to(ROOT)} {name}"
        for room in ROOMS
        for path in sources(room)
        for name, lines in functions(ast.parse(path.read_text(encoding="utf-8")))
        if lines > LONGEST_FUNCTION
    }
    assert long == LONG_FUNCTIONS


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, int]]:
    """Every function by its full name, with the lines that it has after its docstring."""
    for node in ast.iter_child_nodes(tree):
        name = f"{inside}{getattr(node, 'name', '')}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[ast.get_docstring(node) is not None and len(node.body) > 1]
            yield name, (node.end_lineno or 0) - first.lineno + 1
        yield from functions(node, f"{name}." if isinstance(node, ast.ClassDef) else inside)


def test_no_imports_go_round_in_a_circle() -> None:
    files = {module(path): path for room in ROOMS for path in sources(room)}
    uses = {name: {one for one in leads_to(path, files) if one != name} for name, path in files.items()}
    assert tuple(TopologicalSorter(uses).static_order())  # raises CycleError with the circle


def leads_to(path: Path, files: Collection[str]) -> Iterator[str]:
    """The files of ours that this one imports; a name out of a package is one in it, or the package's own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module in files:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from inside & set(files) or {node.module}


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_what_configuration_and_drivers_say_cannot_be_changed() -> None:
    changeable = [
        f"{path.relative_to(ROOT)} {node.name}"
        for room in ("config", "drivers")
        for path in sources(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and "frozen=True" not in decorator
    ]
    assert changeable == ["config/document.py Node"]  # a tree, while it is read


def test_no_name_in_the_house_is_a_manager_handler_helper_or_util() -> None:
    vague = {"manager", "handler", "helper", "util", "utils", "helpers"}
    files = [path.name for room in ROOMS for path in sources(room) if vague & set(words(path.stem))]
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for room in ROOMS
        for path in sources(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and vague & set(words(node.name))
    ]
    assert not files + named


def words(name: str) -> list[str]:
    spaced = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.split("_")


def test_the_requirements_are_pinned_with_hashes_and_name_no_index() -> None:
    for path in sorted(ROOT.glob("requirements*.txt")):
        text = path.read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pins
        assert all("==" in line for line in pins)
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "--index" not in text


def test_the_daemon_loads_neither_screens_nor_servers() -> None:
    heavy = "import agent.cli.run, agent.service, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout.split()
    assert not {"rich", "pymodbus", "amqtt", "asyncio"} & set(loaded)


def test_a_wheel_holds_the_four_rooms_with_their_parts_and_runs_outside_the_tree(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    names = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    for needed in ("config/hubpulse.service", "config/example.toml", "fastpath/checksum.pyi", "agent/__main__.py"):
        assert needed in names
    assert any(name.startswith("fastpath/checksum.") and name.endswith(".so") for name in names)
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == set(ROOMS)
    script = f"import sys; sys.path.insert(0, {str(site)!r})\n{OUTSIDE}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(str(site))


OUTSIDE = """
from pathlib import Path
import agent, config, drivers, fastpath.checksum
from agent.__main__ import main
assert fastpath.checksum.crc32c(b'123456789') == 0xE3069283
assert main(['check', str(Path(config.__file__).parent / 'example.toml')]) == 0
print(agent.__file__)
"""


def build_wheel(into: Path) -> Path:
    """Build from a copy of what git tracks, so that nothing untracked can make the wheel work."""
    copy = into / "copy"
    tracked = subprocess.run(["git", "ls-files", "-z", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in (*tracked.stdout.split("\0")[:-1], "pyproject.toml", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    command = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", command], cwd=copy, capture_output=True, check=True)
    return next(into.glob("*.whl"))

"""The compiled room built with AddressSanitizer and UndefinedBehaviorSanitizer, apart from the tree, for a child."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

KIT = Path(__file__).resolve().parent
ROOT = KIT.parent.parent
FASTPATH = ROOT / "fastpath"
FLAGS = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
PARSERS = ("scans", "turn", "checksum", "rates", "json_text", "steady", "survey", "following")


def runtime() -> str | None:
    """The sanitizer's library, which must be loaded before Python; None where this compiler has none."""
    if not shutil.which("gcc"):
        return None
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    path = found.stdout.strip()
    return path if Path(path).is_absolute() else None


def build(folder: Path, parsers: Iterable[str] = PARSERS, mistake: tuple[str, str] | None = None) -> None:
    """Compile these as the package `fastpath` in `folder`; with a `mistake`: what is right in them, and what is put."""
    package = folder / "fastpath"
    shutil.copytree(FASTPATH, package, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"))
    include = sysconfig.get_paths()["include"]
    for name in parsers:
        source, made = package / f"{name}.pyx", package / f"{name}.c"
        if mistake:
            source.write_text(source.read_text().replace(*mistake))
        subprocess.run([sys.executable, "-m", "cython", "-3", source, "-o", made], check=True, cwd=folder)
        command = ["gcc", "-shared", "-fPIC", "-fwrapv", "-w", *FLAGS, f"-I{include}", f"-I{package}", str(made)]
        subprocess.run([*command, "-o", str(package / f"{name}.so")], check=True)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with these words, that finds what was built in `folder` before the tree's own."""
    library = runtime()
    assert library
    environment = {
        **os.environ,
        "LD_PRELOAD": library,
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": f"{folder}:{KIT}",
        "PYTHONSAFEPATH": "1",
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)

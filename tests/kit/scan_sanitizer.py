"""The scan counter built with AddressSanitizer and UndefinedBehaviorSanitizer, under the fuzz of `scan_fuzz`.

A million lines: python tests/kit/scan_sanitizer.py --lines 1000000
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

KIT = Path(__file__).resolve().parent
FASTPATH = KIT.parent.parent / "fastpath"
FLAGS = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
CHILD = """
import itertools, sys
import scan_fuzz, fastpath.scans
assert fastpath.scans.__file__.startswith(sys.argv[1])
wanted, lines, wrong = int(sys.argv[2]), 0, 0
for seed in itertools.count(10_000_000):
    if lines >= wanted:
        break
    pair, difference = scan_fuzz.told(seed, jumps=seed % 4 == 0)
    lines += sum(pair.model.rows.values())
    wrong += difference != ""
print(f"{lines} lines, {wrong} mismatches")
sys.exit(wrong != 0)
"""


def runtime() -> str | None:
    """The sanitizer's library, which must be loaded before Python; None where this compiler has none."""
    if not shutil.which("gcc"):
        return None
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    path = found.stdout.strip()
    return path if Path(path).is_absolute() else None


def build(folder: Path, *flags: str) -> None:
    """Compile the counter apart from the tree, as the package `fastpath` in `folder`."""
    package = folder / "fastpath"
    shutil.copytree(FASTPATH, package, ignore=shutil.ignore_patterns("*.so", "*.c", "checksum*", "__pycache__"))
    made = package / "scans.c"
    subprocess.run([sys.executable, "-m", "cython", "-3", "fastpath/scans.pyx", "-o", made], check=True, cwd=folder)
    include = sysconfig.get_paths()["include"]
    command = ["gcc", "-shared", "-fPIC", "-fwrapv", "-w", *flags, f"-I{include}", f"-I{package}", str(made)]
    subprocess.run([*command, "-o", str(package / "scans.so")], check=True)


def run(folder: Path, lines: int) -> subprocess.CompletedProcess[str]:
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
    command = [sys.executable, "-c", CHILD, str(folder), str(lines)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    if runtime() is None:
        sys.exit("scan_sanitizer: gcc with libasan is needed (apt-get install gcc)")
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), *FLAGS)
        done = run(Path(name), arguments.lines)
    print(done.stdout, done.stderr, end="")
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

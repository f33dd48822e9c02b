"""The scan counter's inner functions never touch Python, and every kind of processor computes the same."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FASTPATH = Path(__file__).resolve().parents[2] / "fastpath"
HOT = re.compile(
    r"^static .*\b(__pyx_f_8fastpath_\d+scan_(?:seen|carrier|line|banks|count)_\w+)\((.*)\) \{$",
    re.MULTILINE,
)
PROBE = r"""
#include <stdio.h>
#include "scan_masks.h"
int main(void) {
    static uint8_t octets[1 << 16];
    static const uint8_t ends[] = {10, 13, 3, 0, 255, 65}, alphabet[] = "09AZaz/:@[`{,;-\r\n\x02\x03\x80\xff";
    uint64_t state = 88172645463325252ULL, sum = 0;
    scan_bucket bucket = {{0}, {0}, {0}};
    for (int i = 0; i < 1 << 16; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        octets[i] = state & 256 ? alphabet[(state >> 16) % (sizeof alphabet - 1)] : (uint8_t)(state >> 24);
    }
    for (int i = 0; i + 32 < 1 << 16; i++) {
        scan_masks m = scan_classify(octets + i, ends[i % 6], octets[i + 1]);
        sum = sum * 31 + (m.end ^ m.separator << 8 ^ m.digit << 16 ^ m.word << 24);
        sum = sum * 31 + scan_fold(scan_read64(octets + i), scan_read64(octets + i + 8));
    }
    for (int i = 0; i + 16 < 1 << 16; i++) {
        uint32_t low = octets[i] & 15;
        uint16_t high = octets[i + 1] & 1, now = (uint16_t)(scan_read64(octets + i + 2) & (i & 64 ? 0xFFFF : 0x7));
        scan_slot slot = scan_find(&bucket, low + 1, high, now);
        sum = sum * 31 + slot.index * 2 + slot.hit;
        bucket.low[slot.index] = (octets[i + 3] & 7) ? low + 1 : 0;
        bucket.high[slot.index] = high;
        bucket.tick[slot.index] = now;
    }
    printf("%016llx\n", (unsigned long long)sum);
}
"""


def bodies(source: str) -> dict[str, str]:
    """The text of every function of the counter's inside in the generated C."""
    return {match[1]: source[match.end() : source.index("\n}\n", match.end())] for match in HOT.finditer(source)}


def test_the_inner_functions_have_no_python_in_them(tmp_path: Path) -> None:
    made = tmp_path / "scans.c"
    command = [sys.executable, "-m", "cython", "-3", "fastpath/scans.pyx", "-o", str(made)]
    subprocess.run(command, check=True, cwd=FASTPATH.parent)
    functions = bodies(made.read_text())
    names = {name.rsplit("_", 1)[-1] for name in functions} | set(functions)
    assert {"__pyx_f_8fastpath_10scan_count_stage_lines", "__pyx_f_8fastpath_9scan_line_line_exact"} <= names
    assert {"__pyx_f_8fastpath_12scan_carrier_carrier_of", "__pyx_f_8fastpath_10scan_banks_scan_advance"} <= names
    assert len(functions) > 20
    python = re.compile(r"\b(Py[A-Z_]\w*|__Pyx_[A-Z]\w*|PyGILState\w*)\s*\(")
    touched = {name: found for name, body in functions.items() if (found := python.findall(body))}
    assert not touched


def digest(folder: Path, compiler: str, *flags: str, runner: tuple[str, ...] = ()) -> str:
    probe = folder / "probe.c"
    probe.write_text(PROBE)
    program = folder / f"probe{abs(hash((compiler, flags)))}"
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", *flags, f"-I{FASTPATH}", str(probe), "-o", str(program)]
    subprocess.run(command, check=True)
    return subprocess.run([*runner, str(program)], check=True, capture_output=True, text=True).stdout


def test_sse2_sse41_and_portable_c_compute_the_same(tmp_path: Path) -> None:
    variants = {"portable": digest(tmp_path, "gcc", "-DSCAN_PORTABLE"), "native": digest(tmp_path, "gcc")}
    if platform.machine() == "x86_64":
        variants["sse4.1"] = digest(tmp_path, "gcc", "-msse4.1")
        variants["no 128-bit product"] = digest(tmp_path, "gcc", "-U__SIZEOF_INT128__")
    assert len(set(variants.values())) == 1, variants


@pytest.mark.skipif(
    not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
    reason="no compiler and emulator for arm64",
)
def test_neon_computes_the_same(tmp_path: Path) -> None:
    neon = digest(tmp_path, "aarch64-linux-gnu-gcc", "-static", runner=("qemu-aarch64",))
    assert neon == digest(tmp_path, "gcc", "-DSCAN_PORTABLE")

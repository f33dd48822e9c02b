"""Instructions a frame, counted by valgrind: they do not depend on what else the machine does.

python benchmarks/scan_instructions.py product|reference FOLDER     what valgrind watches
"""

from __future__ import annotations

import array
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scan_builds import ROOT, build_reference, installed
from scan_contenders import CHUNK, LIVE, Product, Reference
from scan_frames import Frames


def callgrind(folder: Path, frames: Frames) -> dict[str, float] | None:
    """Instructions a frame, counted by valgrind over a twentieth of the frames; None where there is no valgrind."""
    if not shutil.which("valgrind"):
        print("bench_scans: no instruction counts without valgrind (apt-get install valgrind)", file=sys.stderr)
        return None
    octets = frames.octets[: len(frames.octets) // 20 // CHUNK * CHUNK or CHUNK]
    (folder / "warm").write_bytes(frames.warm)
    (folder / "octets").write_bytes(octets)
    lines = octets.count(b"\n") + frames.warm.count(b"\n")
    result = {}
    for name in ("product", "reference"):
        out = folder / f"callgrind.{name}"
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*scan_feed*", "--toggle-collect=scans_feed"]
        command += [f"--callgrind-out-file={out}", sys.executable, __file__, name, str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        total = next(line for line in out.read_text().splitlines() if line.startswith(("totals:", "summary:")))
        result[name] = round(int(total.split()[1]) / lines, 1)
    return result | {"x": round(result["product"] / result["reference"], 3)}


def one_pass(name: str, folder: Path) -> None:
    """What callgrind watches: one contender over the frames of `folder`."""
    warm, octets = (folder / "warm").read_bytes(), (folder / "octets").read_bytes()
    frames = Frames(warm, octets, octets.count(b"\n"), 50_000)
    chunks = frames.chunks(CHUNK)
    if name == "product":
        product = Product(installed(), LIVE)
        product.feed([(0, warm)], 0)
        product.feed(chunks, 10)
        return
    (folder / "again").mkdir()
    reference = Reference(build_reference(folder / "again"), LIVE)
    reference.feed(warm, array.array("I", [0] * (len(warm) // CHUNK + 1)), 0)
    reference.feed(octets, array.array("I", [at_ms for at_ms, _ in chunks]), 10)


if __name__ == "__main__":
    one_pass(sys.argv[1], Path(sys.argv[2]))

"""What the scan benchmark compiles: the C reference, and the counter under other flags than the installed one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import sysconfig
from importlib import util
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ALIGNED = ("-O3", "-falign-loops=32", "-falign-functions=64")  # as pyproject.toml has the extension built
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "kit")]


def build_reference(folder: Path) -> ctypes.CDLL:
    library = folder / "reference.so"
    command = ["gcc", "-O3", "-msse4.1", "-shared", "-fPIC", str(HERE / "scan_reference.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    reference = ctypes.CDLL(str(library))
    reference.scans_open.restype = ctypes.c_void_p
    number, pointer = ctypes.c_uint64, ctypes.c_void_p
    small = ctypes.c_uint32
    reference.scans_open.argtypes = [small, small, number, ctypes.c_char_p, small, small, small]
    reference.scans_run.argtypes = [pointer, ctypes.c_char_p, number, number, number, pointer]
    reference.scans_rows.argtypes = [pointer, pointer]
    reference.scans_close.argtypes = [pointer]
    return reference


def build_cython(folder: Path, source: Path, name: str, *flags: str) -> ModuleType:
    """Compile one .pyx apart from the tree, and import it as `name` whatever else has that name."""
    place = folder / f"{source.stem}{abs(hash(flags))}"
    package = place / "fastpath" if source.parent.name == "fastpath" else place
    package.mkdir(parents=True)
    for path in (*source.parent.glob("scan*.p[yx]*"), *source.parent.glob("*.h"), *source.parent.glob("__init__.py")):
        shutil.copy(path, package)
    made = package / f"{source.stem}.c"
    subprocess.run([sys.executable, "-m", "cython", "-3", package / source.name, "-o", made], check=True, cwd=place)
    include = sysconfig.get_paths()["include"]
    command = ["gcc", "-shared", "-fPIC", "-DNDEBUG", "-fwrapv", *ALIGNED, *flags]
    library = package / f"{source.stem}.so"
    subprocess.run([*command, f"-I{include}", f"-I{package}", made, "-o", library], check=True)
    spec = util.spec_from_file_location(name, library)
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed() -> ModuleType:
    import fastpath.scans

    return fastpath.scans

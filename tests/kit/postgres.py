"""A real PostgreSQL cluster of its own, on a Unix socket in a folder of its own, on TCP where asked to; root runs it
as `postgres`."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Postgres:
    """`address` leads to its empty database. Nothing listens on TCP but where `host` names an address to listen on."""

    def __init__(self, host: str = "", port: int = 5432) -> None:
        self._host, self.port = host, port

    def __enter__(self) -> Postgres:
        self._folder = Path(tempfile.mkdtemp(prefix="hubpulse-pg-"))  # a socket's path is at most 107 bytes
        self._owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        shutil.chown(self._folder, self._owner)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "bureau", "--no-sync")
        with (self._data / "pg_hba.conf").open("a") as hba:
            hba.write("host all all all trust\n")
        where = f"-c listen_addresses='{self._host}' -c port={self.port} -c unix_socket_directories={self._folder}"
        self._control("start", "-o", where)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self._folder)

    @property
    def address(self) -> str:
        if self._host:
            return self.address_at(self._host, self.port)
        return f"postgresql:///postgres?host={self._folder}&user=bureau"

    @staticmethod
    def address_at(host: str, port: int) -> str:
        return f"postgresql://bureau@{host}:{port}/postgres"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def restart(self) -> None:
        """Every connection breaks; what was committed is there again."""
        self._control("restart", "-m", "immediate")

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "-w", "-D", str(self._data), "-l", str(self._folder / "log"), *options)

    def _run(self, program: str, *words: str) -> None:
        as_owner = ["runuser", "-u", self._owner, "--"] if os.geteuid() == 0 else []
        command = [*as_owner, str(_BIN[-1] / program), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder)

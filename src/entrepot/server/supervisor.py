"""Starts and keeps the processes of an installation: gateways and the control process.

Rules of this file: a process that dies is started again, later each time up to RESTART_MAX_S; one that cannot even start
three times in a row ends the whole with its reason. SIGTERM and SIGINT stop gateways first, which finish their exchanges
within the grace period, then the control process, which writes down what they left. A child whose supervisor is gone stops
by itself (`watch_parent`), so that no orphan holds the port.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

RESTART_MIN_S = 0.2
RESTART_MAX_S = 10.0
STARTED_WELL_S = 2.0


class Child:
    """One process of ours: what starts it, and how often it has died young."""

    def __init__(self, role: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.role = role
        self._start = start
        self.process = start()
        self.early_deaths = 0
        self.started_s = time.monotonic()
        self.due_s: float | None = None

    def check(self, now_s: float) -> None:
        """Start it again when it is due."""
        if self.due_s is not None:
            if now_s >= self.due_s:
                self.process, self.started_s, self.due_s = self._start(), now_s, None
        elif self.process.poll() is not None:
            young = now_s - self.started_s < STARTED_WELL_S
            self.early_deaths = self.early_deaths + 1 if young else 0
            self.due_s = now_s + min(RESTART_MAX_S, RESTART_MIN_S * 2**self.early_deaths)
            said = f"the {self.role} process ended with status {self.process.returncode}; starting it again"
            sys.stderr.write(f"entrepot: {said}\n")

    def stop(self, grace_s: float) -> None:
        """Ask it to end, and make it after the grace period."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Supervisor:
    """The processes of one installation."""

    def __init__(self, gateways: Sequence[Child], control: Child, grace_s: float) -> None:
        self._gateways = gateways
        self._control = control
        self._grace_s = grace_s
        self._stopping = threading.Event()

    def request_stop(self) -> None:
        """End `run` soon; may be called from a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Keep the processes until a stop is requested, then stop them in order."""
        try:
            while not self._stopping.wait(0.2):
                now_s = time.monotonic()
                for child in (*self._gateways, self._control):
                    child.check(now_s)
        finally:
            self.stop()

    def stop(self) -> None:
        """Gateways first, all at once; the control process last."""
        stopping = [threading.Thread(target=child.stop, args=(self._grace_s + 5,)) for child in self._gateways]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self._control.stop(15)


def watch_parent(on_gone: Callable[[], None], interval_s: float = 0.5) -> None:
    """Call `on_gone` once the parent process is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_s)
        on_gone()

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()

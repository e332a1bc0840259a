"""Starts and keeps the processes of an installation: gateways and the control process.

Rules of this file: a process that dies is started again, at once at first, then later each time up to RESTART_MAX_S; up to
ALONE_MAX_S where no gateway runs and one was killed, for it can start. Where every gateway ends by itself GIVE_UP_AFTER times
in a row while it starts, the whole ends: whoever started it has to know. The control process is tried for ever, because gateways
answer without it. At a stop gateways end first, which finish their exchanges within the grace period, then the control process,
which writes down what they left. A child whose supervisor is gone stops by itself (`watch_parent`), so that no orphan holds the
port. Where others take the place of gateways, the old ones leave once the new ones listen, and nobody waits for them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from entrepot.errors import Unavailable

RESTART_MIN_S = 0.2
RESTART_MAX_S = 10.0
ALONE_MAX_S = 1.0
STARTED_WELL_S = 10.0
GIVE_UP_AFTER = 3
CONTROL_ENDS_S = 15.0
"""What the control process has to bring in what lies in the spools."""
_LATE_S = 5.0

_DOUBLINGS = 10  # beyond RESTART_MAX_S, and far from what a float cannot hold


class Process(Protocol):
    """A process that was started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """Its status, once `poll` or `wait` has found that it ended."""
        ...

    def poll(self) -> int | None:
        """Its status if it has ended, a signal's number negative."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Its status once it has ended. Raises TimeoutExpired."""
        ...

    def send_signal(self, sig: int) -> None:
        """Nothing happens if it has ended."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Child:
    """One process of ours: what starts it, and how it has fared.

    `early_deaths` counts how often in a row it died soon after its start, `failed_starts` how often it did so by itself:
    one that was killed could have started. `on_left` is called when another has its place and it has ended, however.
    """

    def __init__(self, role: str, start: Callable[[], Process], on_left: Callable[[], None] | None = None) -> None:
        self.role = role
        self.on_left = on_left
        self._start = start
        self.process = start()
        self.early_deaths = 0
        self.failed_starts = 0
        self.started_s = time.monotonic()
        self.due_s: float | None = None
        self._until_s: float | None = None

    def check(self, now_s: float) -> None:
        """Start it again when it is due."""
        if self.due_s is not None:
            if now_s >= self.due_s:
                self.process, self.started_s, self.due_s = self._start(), now_s, None
        elif (status := self.process.poll()) is None:
            if self._until_s is not None and now_s >= self._until_s:
                self.process.kill()
        else:
            self._until_s = None
            young = now_s - self.started_s < STARTED_WELL_S
            self.early_deaths = self.early_deaths + 1 if young else 0
            self.failed_starts = self.failed_starts + 1 if young and status > 0 else 0
            pause_s = min(RESTART_MAX_S, RESTART_MIN_S * 2 ** min(self.early_deaths, _DOUBLINGS))
            self.due_s = now_s + pause_s
            ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            sys.stderr.write(f"entrepot: the {self.role} process {ended}; it is started again in {pause_s:g} s\n")

    def revive(self) -> None:
        """Start it if it has ended: it has something to do yet. Not where it could not start."""
        if self.process.poll() is not None and not self.failed_starts:
            self.process, self.due_s = self._start(), None

    def ask_to_stop(self) -> None:
        """Ask it to end."""
        self._tell(signal.SIGTERM)

    def ask_to_leave(self) -> None:
        """Ask it to end without haste: another has taken its place."""
        self._tell(signal.SIGHUP)

    def renew(self, start: Callable[[], Process], within_s: float = CONTROL_ENDS_S) -> None:
        """Have it end, within so long, and started again in this way."""
        self._start = start
        self._until_s = time.monotonic() + within_s
        self.early_deaths = -1  # the end that is asked for is none of them
        self.ask_to_stop()

    def _tell(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self, grace_s: float) -> None:
        """Ask it to end, and make it after the grace period."""
        self.ask_to_stop()
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
        # Not an Event: a signal handler that sets one waits for ever for the thread that it interrupts while that holds its lock.
        self._stopping = False
        self._leaving: list[tuple[Child, float]] = []  # each with the moment from which on it is not waited for
        self._wanted: Callable[[], None] | None = None

    def request_stop(self) -> None:
        """End `watch` soon; may be called from a signal handler."""
        self._stopping = True

    def request(self, change: Callable[[], None]) -> None:
        """Have this done in `watch`, once nobody is leaving any more; may be called from a signal handler."""
        self._wanted = change

    def replace(self, gateways: Sequence[Child], grace_s: float) -> None:
        """Gateways that listen already take the place of those that were there, which leave. Called in `watch`."""
        self.dismiss(self._gateways)
        self._gateways, self._grace_s = gateways, grace_s

    def dismiss(self, gateways: Sequence[Child]) -> None:
        """Have gateways leave, which answer what they have begun. Called in `watch`."""
        until_s = time.monotonic() + self._grace_s + 2 * _LATE_S
        self._leaving += [(child, until_s) for child in gateways]
        for child in gateways:
            child.ask_to_leave()

    @property
    def control(self) -> Child:
        """The control process."""
        return self._control

    def watch(self, interval_s: float = 0.2) -> None:
        """Keep the processes until a stop is requested. Raises Unavailable when no gateway can start any more."""
        while True:
            time.sleep(interval_s)
            if not self.tend():
                return
            if self._wanted is not None and not self._leaving:
                change, self._wanted = self._wanted, None
                change()
            if all(child.failed_starts >= GIVE_UP_AFTER for child in self._gateways):
                raise Unavailable(
                    f"no gateway process can start: each ended {GIVE_UP_AFTER} times in a row; "
                    "its own message above says why"
                )

    def tend(self) -> bool:
        """Start those that have ended, let go of those that have left. False once a stop is requested."""
        if self._stopping:
            return False
        now_s = time.monotonic()
        for child in (*self._gateways, self._control):
            child.check(now_s)
        self._hurry(now_s)
        self._let_go(now_s)
        return True

    def stop(self) -> None:
        """Gateways first, all at once; the control process last."""
        gateways = [*self._gateways, *(child for child, _ in self._leaving)]
        for child in gateways:
            child.ask_to_stop()
        deadline_s = time.monotonic() + self._grace_s + _LATE_S
        for child in gateways:
            child.stop(max(0.0, deadline_s - time.monotonic()))
        self._control.revive()
        self._control.stop(CONTROL_ENDS_S)

    def _hurry(self, now_s: float) -> None:
        """Where no gateway runs, and clients wait, one that can start is not kept waiting for long."""
        waiting = [child for child in self._gateways if child.due_s is not None and not child.failed_starts]
        if waiting and all(child.due_s is not None for child in self._gateways):
            first = min(waiting, key=lambda child: child.due_s or now_s)
            first.due_s = min(first.due_s or now_s, now_s + ALONE_MAX_S)

    def _let_go(self, now_s: float) -> None:
        """Forget those that have left; end those that are late."""
        for child, until_s in self._leaving:
            if now_s >= until_s:
                child.stop(0.0)
            if child.process.poll() is not None and child.on_left is not None:
                child.on_left()
        self._leaving = [(child, until_s) for child, until_s in self._leaving if child.process.poll() is None]


def watch_parent(parent: int, on_gone: Callable[[], None], interval_s: float = 0.5) -> None:
    """Call `on_gone` once the process `parent`, which started this one, is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_s)
        on_gone()

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()

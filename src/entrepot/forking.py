"""A child process that is a copy of this one: what this process has imported and read, the child need not.

Rules of this file: nothing is copied that two processes cannot share. So only a process without a second thread is copied, and
the child closes every file that is not handed to it, has signals, standard input and environment of its own, and ends without
running what its parent meant to do at its end. Where copying is not possible, whoever asks starts a new interpreter instead.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

HELD_BACK = frozenset({signal.SIGTERM, signal.SIGHUP})
"""Signals that wait until a process can act on them: one that is told to stop while it starts still does its duty first."""

_STANDARD = frozenset({0, 1, 2})
_TASKS, _FILES = Path("/proc/self/task"), Path("/proc/self/fd")
_LOOK_S = 0.005
_FAILED = 1


@contextlib.contextmanager
def holding_back() -> Iterator[None]:
    """Processes that start in this block begin with HELD_BACK blocked."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def may_fork() -> bool:
    """Whether this process can be copied: on Linux, and with a single thread, those of libraries included."""
    try:
        return len(list(_TASKS.iterdir())) == 1
    except OSError:
        return False


class Forked:
    """A copy of this process that calls `live` and ends with the status that it returns; to be used as a Popen.

    It inherits the descriptors `handed` and no other file. `name` is what process lists show of it beside its command.
    """

    def __init__(
        self, name: str, live: Callable[[], int], environ: Mapping[str, str], handed: Collection[int] = ()
    ) -> None:
        self.returncode: int | None = None
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        gc.collect()  # what is garbage here would close descriptors there whose numbers have been taken again
        with holding_back():
            self.pid = os.fork()
            if self.pid == 0:
                _be_child(name, live, environ, handed)

    def poll(self) -> int | None:
        """Its status if it has ended, a signal's number negative."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its status, once it has ended. Raises TimeoutExpired after `timeout` seconds."""
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline_s is not None and time.monotonic() >= deadline_s:
                raise subprocess.TimeoutExpired("entrepot", timeout or 0.0)
            time.sleep(_LOOK_S)
        return status

    def send_signal(self, sig: int) -> None:
        """Nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _be_child(name: str, live: Callable[[], int], environ: Mapping[str, str], handed: Collection[int]) -> NoReturn:
    status = _FAILED
    try:
        os.setsid()  # Ctrl-C reaches the supervisor, which stops its processes in order
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        _close_all_but(_STANDARD.union(handed))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.environ.clear()
        os.environ.update(environ)
        if sys.__stderr__ is not None:
            sys.stderr = sys.__stderr__  # logs in JSON had put another in its place, under the parent's name
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(name)
        gc.freeze()  # pages of what was there before stay shared as long as nobody writes to them
        status = live()
    except BaseException:  # noqa: BLE001 - nobody above may see it: the frames there are of another process
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _close_all_but(kept: Collection[int]) -> None:
    for descriptor in [int(entry.name) for entry in _FILES.iterdir()]:
        if descriptor not in kept:
            with contextlib.suppress(OSError):  # the one that lists them is gone already
                os.close(descriptor)

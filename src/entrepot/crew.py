"""The processes of an installation: how they are started, and how others with new settings take their place.

Rules of this file: gateways listen before those whose place they take are asked to leave, so that there is no moment at which
nobody answers; where they cannot start, the old ones stay. What the sockets and the spools depend on is not renewed.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from entrepot.control.exporting import check_exporting
from entrepot.errors import Defect, SettingsError, Unavailable
from entrepot.forking import Forked, holding_back, may_fork
from entrepot.server.supervisor import Child, Process, Supervisor
from entrepot.settings.content import content_seals
from entrepot.settings.schema import Settings

Role = Literal["gateway", "control"]
READY_WITHIN_S = 30.0


class Launch(msgspec.Struct, frozen=True):
    """What a child process is told: its role, its name among its like, who starts it, the settings, the sockets it inherits.

    It listens on `fd`, and says on `ready` that it does.
    """

    role: Role
    name: str
    parent: int
    settings: Settings
    fd: int = -1
    ready: int = -1


class Crew:
    """Starts processes that listen on `listening`, or on `admin` if there is one. `environ` is what they get as theirs.

    With `live`, what a process does with its life, the first ones are copies of this process where it can be copied: they are
    ready sooner. All others, who may come long after, begin anew.
    """

    def __init__(
        self,
        settings: Settings,
        listening: socket.socket,
        admin: socket.socket | None,
        environ: Mapping[str, str],
        live: Callable[[Launch], int] | None = None,
    ) -> None:
        """Starts the first, and returns once a gateway answers. Raises Unavailable."""
        self._settings = settings
        self._listening, self._admin, self._environ = listening, admin, environ
        self._live = live if live is not None and may_fork() else None
        self._generation = 0
        self._ready, self._told = socket.socketpair()
        gateways = self._gateways(settings)
        control = Child("control", self._control(settings))
        self._live = None
        self.supervisor = Supervisor(gateways, control, settings.gateway.grace_s)
        try:
            _wait_ready(self._ready, gateways, 1)
        except BaseException:
            self.supervisor.stop()
            self.close()
            raise

    def renew(self, settings: Settings) -> None:
        """Have processes of these settings take the place of those that run. Called in the supervisor's `watch`.

        Raises SettingsError for what takes a restart, ExtraMissing, Unavailable where no gateway can start; the old ones go on
        then.
        """
        refuse_restart(self._settings, settings)
        check_exporting(settings.telemetry, self._environ)
        content_seals(settings, self._environ)
        pair = self._ready, self._told
        self._ready, self._told = socket.socketpair()
        self._generation += 1
        gateways = self._gateways(settings)
        try:
            _wait_ready(self._ready, gateways, len(gateways))
        except Unavailable:
            for child in gateways:
                child.stop(0.0)
            self._generation -= 1
            pair, (self._ready, self._told) = (self._ready, self._told), pair
            raise
        finally:
            for end in pair:
                end.close()
        self.supervisor.replace(gateways, settings.gateway.grace_s)
        self.supervisor.control.renew(self._control(settings))
        self._settings = settings

    def close(self) -> None:
        """Once all processes have ended."""
        self._ready.close()
        self._told.close()

    def _gateways(self, settings: Settings) -> list[Child]:
        # Those that leave still write under their names; two generations are the most that there are at once.
        mark = "b" if self._generation % 2 else ""
        return [
            Child(
                "gateway", self._starting("gateway", f"gateway-{number}{mark}", settings, self._listening, self._told)
            )
            for number in range(settings.gateway.processes)
        ]

    def _control(self, settings: Settings) -> Callable[[], Process]:
        return self._starting("control", "control-0", settings, self._admin, None)

    def _starting(
        self, role: Role, name: str, settings: Settings, listening: socket.socket | None, told: socket.socket | None
    ) -> Callable[[], Process]:
        fd = -1 if listening is None else listening.fileno()
        launch = Launch(role, name, os.getpid(), settings, fd, -1 if told is None else told.fileno())
        return lambda: self._start(launch)

    def _start(self, launch: Launch) -> Process:
        live = self._live
        if live is None:
            return _spawn(launch, self._environ)
        return Forked(launch.name, lambda: live(launch), self._environ, _handed(launch))


def refuse_restart(old: Settings, new: Settings) -> None:
    """Raises SettingsError that names what differs and takes a restart: where it listens, and where it writes."""
    for name, was, is_ in (
        ("[gateway] host", old.gateway.host, new.gateway.host),
        ("[gateway] port", old.gateway.port, new.gateway.port),
        ("[gateway] socket", old.gateway.socket, new.gateway.socket),
        ("[ledger] directory", old.ledger.directory, new.ledger.directory),
        ("[ledger] database", old.ledger.database, new.ledger.database),
        ("[control] host and port", _place(old), _place(new)),
    ):
        if was != is_:
            raise SettingsError(f"{name} has changed, which takes a restart")


def _place(settings: Settings) -> tuple[str, int] | None:
    return None if settings.control is None else (settings.control.host, settings.control.port)


def tell_ready(fd: int) -> None:
    """Say that this process listens; whoever waited for the first to do so may be gone."""
    if fd >= 0:
        with contextlib.suppress(OSError), socket.socket(fileno=fd) as told:
            told.send(b".")


def _spawn(launch: Launch, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with holding_back():
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot.app"],
            stdin=subprocess.PIPE,
            pass_fds=_handed(launch),
            # Small matrices: a second BLAS thread costs more than it brings, and numpy reads this when it is imported.
            env={"OPENBLAS_NUM_THREADS": "1", **environ},
            start_new_session=True,  # Ctrl-C reaches the supervisor, which stops its processes in order
        )
    if process.stdin is None:
        raise Defect("a child process has no standard input")
    with contextlib.suppress(BrokenPipeError), process.stdin:  # if it died at once, the supervisor will say so
        process.stdin.write(msgspec.msgpack.encode(launch))
    return process


def _handed(launch: Launch) -> list[int]:
    return [fd for fd in (launch.fd, launch.ready) if fd >= 0]


def _wait_ready(ready: socket.socket, gateways: Sequence[Child], count: int) -> None:
    """Return once so many have said that they listen. Raises Unavailable."""
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s:
        if select.select([ready], [], [], 0.02)[0]:
            count -= len(ready.recv(count))
            if count == 0:
                return
        if all(child.process.poll() is not None for child in gateways):
            raise Unavailable("the gateway process ended before it was ready; its own message above says why")
    raise Unavailable(f"the gateway did not become ready within {READY_WITHIN_S:g} s")

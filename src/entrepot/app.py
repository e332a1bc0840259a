"""Processes: settings become a gateway process, a control process, an installation of them.

Rules of this file: no decisions and no wire; `assembly.py` puts together what runs. A child process is
`python -m entrepot.app`: it reads what it is to be (`Launch`) from its standard input, so that no setting appears in a process
list.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec
import uvloop

from entrepot.assembly import (
    Experience,
    build_board,
    build_gateway,
    check_router,
    keep_promises,
    open_responses,
    report_health,
    ruled_builder,
)
from entrepot.control.accounting import WARN_EVERY_S, Accounting
from entrepot.control.in_force import put_in_force
from entrepot.control.metering import build_admission, counts, open_counters
from entrepot.control.objects import Snapshot
from entrepot.control.reload import Reloader, Watch, follow
from entrepot.control.serving import serve_admin
from entrepot.control.store import open_control
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import Defect, EntrepotError, SettingsError, Unavailable
from entrepot.learning.promises import Follower
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.retention import DROP_EVERY_S, drop_old
from entrepot.ledger.session_table import SessionTable
from entrepot.ledger.spool import SpoolWriter
from entrepot.server.connection import ConnectionLimits
from entrepot.server.probing import follow_open
from entrepot.server.serving import build_server
from entrepot.server.supervisor import Child, Supervisor, watch_parent
from entrepot.settings.ledger import ledger_place
from entrepot.settings.schema import ControlSettings, Settings
from entrepot.upstream.client import UpstreamClient

Role = Literal["gateway", "control"]
SETTLE_S = 0.1


class Launch(msgspec.Struct, frozen=True):
    """What a child process is told: its role, its name among its like, who starts it, the settings, the socket it inherits."""

    role: Role
    name: str
    parent: int
    settings: Settings
    fd: int = -1


async def run_gateway(launch: Launch) -> None:
    """Serve on the inherited socket until told to stop, then finish the exchanges under way.

    Raises ControlError if the rules and keys of the control store cannot be read: it would serve without them.
    """
    settings = launch.settings
    watch = Watch(settings.ledger.directory)
    in_force = put_in_force(settings, watch.look() or Snapshot())
    sessions, promises = SessionTable(settings.ledger.directory), Follower(settings.ledger.directory)
    experience = Experience(sessions, promises, build_board(settings))
    build = ruled_builder(settings, experience)
    spool = SpoolWriter(settings.ledger.directory, launch.name)
    upstream = UpstreamClient(environ=os.environ)
    admission = build_admission(in_force, launch.name)
    gateway = build_gateway(in_force, *build(in_force.rules), upstream, spool, experience, admission)
    reloader = Reloader(settings, in_force.rules, build, gateway, admission)
    server = build_server(
        gateway,
        limits=ConnectionLimits(head_timeout_s=settings.gateway.body_timeout_s),
        grace_s=settings.gateway.grace_s,
        render_error=OpenAIChat.render_error,
    )
    _stop_with(lambda: setattr(server, "should_exit", True), launch.parent)
    following = [
        asyncio.create_task(follow(watch, reloader.adopt)),
        asyncio.create_task(promises.follow()),
        asyncio.create_task(report_health(settings, experience.board, launch.name)),
        asyncio.create_task(follow_open(experience.board, upstream, settings.deployments, settings.probes)),
    ]
    if admission is not None:
        admission.leases.start()
    try:
        await server.serve(sockets=[socket.socket(fileno=launch.fd)])
    finally:
        for task in following:
            task.cancel()
        await upstream.close()
        if admission is not None:
            await admission.leases.close()
        spool.close()
        sessions.close()


async def run_control(launch: Launch) -> None:
    """Bring entries from the spools into the ledger until told to stop, then once more.

    Meanwhile serve the admin API, keep the promises of routes, and settle what processes that died had reserved.
    """
    stop = asyncio.Event()
    _stop_with(stop.set, launch.parent)
    settings, directory = launch.settings, launch.settings.ledger.directory
    store = ledger_place(settings, os.environ).open_store()
    beside = [asyncio.create_task(keep_promises(settings, stop))]
    if settings.control is not None and launch.fd >= 0:
        listening = socket.socket(fileno=launch.fd)
        beside.append(asyncio.create_task(serve_admin(settings, settings.control, listening, stop)))
    ingester = Ingester(store, directory)
    duties = [ingester.follow(stop)]
    if settings.ledger.keep_days is not None:
        duties.append(repeat(partial(drop_old, store, settings.ledger.keep_days), stop, DROP_EVERY_S))
    counters = open_counters(settings, os.environ) if counts(settings) else None
    if counters is not None:
        accounting = Accounting(settings, counters, store, ingester)
        duties.append(repeat(accounting.settle, stop, SETTLE_S))
        duties.append(repeat(accounting.warn, stop, WARN_EVERY_S))
    try:
        await asyncio.gather(*duties)
    finally:
        await asyncio.gather(*beside)
        store.close()
        if counters is not None:
            counters.close()


async def repeat(duty: Callable[[], object], stop: asyncio.Event, interval_s: float) -> None:
    """Do something again and again, beside the loop, until told to stop. Failures are logged once and tried again."""
    last_failure = ""
    while not stop.is_set():
        try:
            await asyncio.to_thread(duty)
            last_failure = ""
        except EntrepotError as error:
            if error.message != last_failure:
                logging.getLogger("entrepot.control").error("%s", error.message)
            last_failure = error.message
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_s)


def _stop_with(stop: Callable[[], object], parent: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    def orphaned() -> None:
        loop.call_soon_threadsafe(stop)

    watch_parent(parent, orphaned)


class Running(msgspec.Struct, frozen=True, eq=False):
    """An installation that is up: where it listens, and its processes.

    `admin` is where the admin API is, None if there is none; `admin_trouble` says why there is none that was wanted.
    """

    host: str
    port: int
    supervisor: Supervisor
    listening: Sequence[socket.socket]
    admin: str | None = None
    admin_trouble: str | None = None

    def run(self) -> None:
        """Keep it up until `supervisor.request_stop`, then give the port back and stop its processes.

        Raises Unavailable when no gateway can start any more.
        """
        try:
            self.supervisor.watch()
        finally:
            for each in self.listening:  # first: a client that connects now is refused, and does not wait for nobody
                each.close()
            self.supervisor.stop()

    @property
    def base_url(self) -> str:
        """What OpenAI clients take as their base URL."""
        return f"{_address(self.host, self.port)}/v1"


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def start(settings: Settings, environ: Mapping[str, str]) -> Running:
    """Start the processes of an installation and return once a gateway answers.

    Raises SettingsError, ArtifactError or Unavailable.
    `environ` is what the processes get as their environment: it holds the secrets that the settings refer to.
    """
    check_router(settings)
    if counts(settings):
        open_counters(settings, environ).close()
    open_responses(settings)
    ledger_place(settings, environ).prepare()  # migrations run once, before any process reads the ledger
    open_control(settings.ledger.directory).close()
    listening = _listen(settings.gateway.host, settings.gateway.port)
    host, port = listening.getsockname()[:2]
    admin, trouble = listen_for_admin(settings.control)

    def child(role: Role, number: int) -> Child:
        of_role = listening if role == "gateway" else admin
        fd = -1 if of_role is None else of_role.fileno()
        launch = Launch(role, f"{role}-{number}", os.getpid(), settings, fd)
        return Child(role, lambda: _spawn(launch, environ))

    gateways = [child("gateway", number) for number in range(settings.gateway.processes)]
    supervisor = Supervisor(gateways, child("control", 0), settings.gateway.grace_s)
    sockets = [each for each in (listening, admin) if each is not None]
    try:
        _wait_ready(host, port, gateways)
    except BaseException:
        supervisor.stop()
        for each in sockets:
            each.close()
        raise
    return Running(
        host, port, supervisor, sockets, None if admin is None else _address(*admin.getsockname()[:2]), trouble
    )


def listen_for_admin(control: ControlSettings | None) -> tuple[socket.socket | None, str | None]:
    """The admin API's socket, or why there is none. It is no reason not to serve: gateways do without."""
    if control is None:
        return None, None
    try:
        return _listen(control.host, control.port, "[control] host and port"), None
    except SettingsError as error:
        return None, error.message


@contextlib.contextmanager
def running(settings: Settings, environ: Mapping[str, str]) -> Iterator[Running]:
    """An installation for as long as the block lasts: for the demo and for tests."""
    installation = start(settings, environ)

    def keep() -> None:
        try:
            installation.run()
        except Unavailable as error:  # nobody waits for a thread's errors
            sys.stderr.write(f"entrepot: {error.message}\n")

    keeper = threading.Thread(target=keep, name="supervisor")
    keeper.start()
    try:
        yield installation
    finally:
        installation.supervisor.request_stop()
        keeper.join()


def _listen(host: str, port: int, setting: str = "[gateway] host and port, or --port") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with {setting}"
        ) from error
    listening.listen(2048)
    return listening


def _spawn(launch: Launch, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "entrepot.app"],
        stdin=subprocess.PIPE,
        pass_fds=() if launch.fd < 0 else (launch.fd,),
        # Small matrices: a second BLAS thread costs more than it brings, and numpy reads this when it is imported.
        env={"OPENBLAS_NUM_THREADS": "1", **environ},
        start_new_session=True,  # Ctrl-C reaches the supervisor, which stops its processes in order
    )
    if process.stdin is None:
        raise Defect("a child process has no standard input")
    with contextlib.suppress(BrokenPipeError), process.stdin:  # if it died at once, the supervisor will say so
        process.stdin.write(msgspec.msgpack.encode(launch))
    return process


def _wait_ready(host: str, port: int, gateways: Sequence[Child]) -> None:
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        if all(child.process.poll() is not None for child in gateways):
            raise Unavailable("the gateway process ended before it was ready; its own message above says why")
        connection = http.client.HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", "/livez")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass  # not yet
        finally:
            connection.close()
        time.sleep(0.02)
    raise Unavailable("the gateway did not become ready within 30 s")


def main() -> int:
    """What a child process does with its life."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    launch = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Launch)
    run = run_gateway if launch.role == "gateway" else run_control
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(launch))
    except EntrepotError as error:
        sys.stderr.write(f"entrepot: the {launch.role} process cannot run: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

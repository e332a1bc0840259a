"""Processes: settings become a gateway process, a control process, an installation of them.

Rules of this file: no decisions and no wire; `assembly.py` puts together what runs. A child process is
`python -m entrepot.app`: it reads what it is to be (`Launch`) from its standard input, so that no setting appears in a process
list.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec
import uvloop

from entrepot.assembly import (
    Experience,
    build_board,
    build_gateway,
    open_responses,
    recall_health,
    report_health,
    ruled_builder,
)
from entrepot.control.accounting import WARN_EVERY_S, Accounting
from entrepot.control.content import content_duties
from entrepot.control.exporting import check_exporting, open_exporting
from entrepot.control.in_force import put_in_force
from entrepot.control.learning import LOOK_S as LEARN_EVERY_S
from entrepot.control.learning import Learner
from entrepot.control.metering import build_admission, counts, open_counters
from entrepot.control.place import control_place
from entrepot.control.reload import Reloader, Watch, follow
from entrepot.control.repeating import repeat
from entrepot.control.serving import serve_admin
from entrepot.control.trial_keeping import LOOK_S, Keeper
from entrepot.control.watching import IngestWatch
from entrepot.crew import Crew, Launch, tell_ready
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import EntrepotError, SettingsError, Unavailable
from entrepot.forking import HELD_BACK
from entrepot.learning.promises import Follower
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.retention import DROP_EVERY_S, drop_old
from entrepot.ledger.session_table import SessionTable
from entrepot.ledger.spool import SpoolWriter, list_spools
from entrepot.router_in_force import check_router, keep_promises
from entrepot.server.aftermath import admit_judges, appoint, build_afterwards
from entrepot.server.connection import ConnectionLimits
from entrepot.server.listening import address_of, listen_on_path, listen_on_port, stop_listening
from entrepot.server.listening_tls import ListeningTls, listening_tls
from entrepot.server.probing import follow_open
from entrepot.server.serving import build_server
from entrepot.server.standing import Standing
from entrepot.server.supervisor import Supervisor, watch_parent
from entrepot.settings.content import content_seals
from entrepot.settings.ledger import ledger_place
from entrepot.settings.schema import ControlSettings, GatewaySettings, LedgerSettings, Settings
from entrepot.telemetry.logs import log_exchanges, set_up_logging
from entrepot.telemetry.metrics import Metrics
from entrepot.telemetry.series import clear_metrics
from entrepot.upstream.client import UpstreamClient
from entrepot.upstream.dial import overlook_unheard

SETTLE_S = 0.1
COLLECT_EVERY = 20_000
"""Objects made and not freed between two looks of the garbage collector; Python's own 700 are those of a few exchanges."""


async def run_gateway(launch: Launch) -> None:
    """Serve on the inherited socket until told to stop, then finish the exchanges under way.

    Raises ControlError if the rules and keys of the control store cannot be read: it would serve without them.
    """
    settings, judges_key = admit_judges(launch.settings)
    watch = Watch(control_place(settings, os.environ))
    in_force = put_in_force(settings, watch.begin())
    sessions, promises = SessionTable(settings.ledger.directory), Follower(settings.ledger.directory)
    experience = Experience(sessions, promises, recall_health(settings, build_board(settings)))
    build = ruled_builder(settings, experience)
    spool, upstream = _open_spool(settings.ledger, launch.name), UpstreamClient(environ=os.environ)
    admission = build_admission(in_force, launch.name)
    metrics = Metrics(settings.ledger.directory, launch.name, lambda: list_spools(settings.ledger.directory))
    after = build_afterwards(in_force, spool.append, metrics)
    gateway = build_gateway(in_force, *build(in_force), upstream, spool, experience, admission, metrics, after)
    appoint(after, settings, gateway, judges_key, upstream, admission, metrics)
    tls = listening_tls(settings.gateway.tls, "[gateway.tls]")
    server = build_server(
        gateway,
        limits=ConnectionLimits(head_timeout_s=settings.gateway.body_timeout_s),
        grace_s=settings.gateway.grace_s,
        render_error=OpenAIChat.render_error,
        tls=None if tls is None else tls.context,
        on_started=lambda: tell_ready(launch.ready),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, server.leave)
    _stop_with(server.stop, launch.parent)
    asyncio.get_running_loop().set_exception_handler(overlook_unheard)
    metrics.look = Standing(
        settings,
        upstream=upstream,
        board=experience.board,
        trouble=gateway.trouble,
        admission=admission,
        under_way=gateway.under_way,
        clock=time.time,
    ).look
    following = [
        asyncio.create_task(follow(watch, Reloader(settings, in_force, build, gateway, admission, after).adopt)),
        asyncio.create_task(promises.follow()),
        asyncio.create_task(report_health(settings, experience.board, launch.name)),
        asyncio.create_task(follow_open(experience.board, upstream, settings.deployments, settings.probes)),
        asyncio.create_task(metrics.follow()),
    ]
    if tls is not None:
        following.append(asyncio.create_task(tls.follow()))
    if admission is not None:
        admission.leases.start()
    _leave_in_peace()
    try:
        await server.serve(sockets=[socket.socket(fileno=launch.fd)])
    finally:
        for task in following:
            task.cancel()
        await after.close()
        await upstream.close()
        if admission is not None:
            await admission.leases.close()
        spool.close()
        sessions.close()
        if server.has_left:
            metrics.retire()
        metrics.close()


def _open_spool(kept: LedgerSettings, name: str) -> SpoolWriter:
    return SpoolWriter(kept.directory, name, durability=kept.durability, reserve_bytes=kept.reserve_bytes)


async def run_control(launch: Launch) -> None:
    """Bring entries from the spools into the ledger until told to stop, then once more.

    Meanwhile serve the admin API, keep the promises of routes, settle what processes that died had reserved, and keep trials
    going.
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
    if settings.log.exchanges:
        ingester.heard.append(log_exchanges)
    metrics = Metrics(directory, launch.name, lambda: list_spools(directory))
    exporting = await asyncio.to_thread(open_exporting, settings, os.environ)  # the SDK takes a while to load
    if exporting is not None:
        ingester.heard.append(exporting.hear)
    watched = IngestWatch(settings, ingester, metrics, exporting)
    beside.append(asyncio.create_task(metrics.follow(stop)))
    trials = Keeper(control_place(settings, os.environ), store)
    learner = Learner(settings, control_place(settings, os.environ), store, os.environ)
    metrics.look = lambda: {**watched.look(), **learner.gauges()}
    duties = [
        ingester.follow(stop),
        repeat(trials.look, stop, LOOK_S),
        repeat(learner.look, stop, LEARN_EVERY_S),
        *content_duties(settings, os.environ, stop),
    ]
    if settings.ledger.keep_days is not None:
        duties.append(repeat(partial(drop_old, store, settings.ledger.keep_days), stop, DROP_EVERY_S))
    counters = open_counters(settings, os.environ) if counts(settings) else None
    if counters is not None:
        accounting = Accounting(settings, counters, store, ingester)
        duties.append(repeat(accounting.settle, stop, SETTLE_S))
        duties.append(repeat(accounting.warn, stop, WARN_EVERY_S))
    _leave_in_peace()
    try:
        await asyncio.gather(*duties)
    finally:
        await asyncio.gather(*beside)
        if exporting is not None:
            exporting.close()
        metrics.close()
        trials.close()
        learner.close()
        store.close()
        if counters is not None:
            counters.close()


def _leave_in_peace() -> None:
    """Have the garbage collector pass over all that was made so far, which lives as long as the process, and come seldom.

    An exchange leaves no cycles behind, and no entry on its way into the ledger does: what was made is freed as that ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 20, 50)


def _stop_with(stop: Callable[[], object], parent: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)  # a stop that came while it started is heard now

    def orphaned() -> None:
        loop.call_soon_threadsafe(stop)

    watch_parent(parent, orphaned)


class Running(msgspec.Struct, frozen=True, eq=False):
    """An installation that is up: where it listens, and its processes.

    `address` is the beginning of a URL, or `unix:` and a path. `admin` is where the admin API is, None if there is none;
    `admin_trouble` says why there is none that was wanted.
    """

    address: str
    supervisor: Supervisor
    sockets: Sequence[socket.socket]
    admin: str | None = None
    admin_trouble: str | None = None
    crew: Crew | None = None

    def reload(self, find: Callable[[], Settings]) -> None:
        """Have the settings that `find` returns take the place of those in force, soon; may be called from a signal handler.

        No request is dropped. What cannot be done is said on standard error, and the settings stay as they were.
        """
        self.supervisor.request(partial(self._renew, find))

    def _renew(self, find: Callable[[], Settings]) -> None:
        try:
            settings = find()
            check_router(settings)
            listening_tls(settings.gateway.tls, "[gateway.tls]")
            if settings.control is not None:
                listening_tls(settings.control.tls, "[control.tls]")
            if self.crew is not None:
                self.crew.renew(settings)
        except EntrepotError as error:
            sys.stderr.write(f"entrepot: the settings were not reloaded, and stay as they were: {error.message}\n")
        else:
            sys.stderr.write("entrepot: the settings were reloaded\n")

    def run(self) -> None:
        """Keep it up until `supervisor.request_stop`, then give the port back and stop its processes.

        Raises Unavailable when no gateway can start any more.
        """
        try:
            self.supervisor.watch()
        finally:
            for each in self.sockets:  # first: a client that connects now is refused, and does not wait for nobody
                stop_listening(each)
            self.supervisor.stop()
            if self.crew is not None:
                self.crew.close()

    @property
    def base_url(self) -> str:
        """What OpenAI clients take as their base URL."""
        return f"{self.address}/v1"

    @property
    def host(self) -> str:
        """The host it listens on; empty where it listens on a Unix socket."""
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        """The port it listens on; 0 where it listens on a Unix socket."""
        return urlsplit(self.address).port or 0


def start(settings: Settings, environ: Mapping[str, str], *, copies: bool = False) -> Running:
    """Start the processes of an installation and return once a gateway answers.

    Raises SettingsError, ArtifactError or Unavailable.
    `environ` is what the processes get as their environment: it holds the secrets that the settings refer to. With `copies` they
    may be copies of this process, which must then hold nothing that they may not inherit.
    """
    check_router(settings)
    check_exporting(settings.telemetry, environ)
    gateway_tls = listening_tls(settings.gateway.tls, "[gateway.tls]")
    if counts(settings):
        open_counters(settings, environ).close()
    open_responses(settings)
    content_seals(settings, environ)  # or every process would say that a key is wrong
    ledger_place(settings, environ).prepare()  # migrations run once, before any process reads the ledger
    control_place(settings, environ).prepare()
    clear_metrics(settings.ledger.directory)
    listening = _listen(settings.gateway)
    admin, trouble = listen_for_admin(settings.control)
    try:
        crew = Crew(settings, listening, admin, environ, live if copies else None)
    except BaseException:
        for each in (listening, admin):
            if each is not None:
                stop_listening(each)
        raise
    admin_tls = settings.control is not None and settings.control.tls is not None
    return Running(
        address_of(listening, tls=gateway_tls is not None),
        crew.supervisor,
        [each for each in (listening, admin) if each is not None],
        None if admin is None else address_of(admin, tls=admin_tls),
        trouble,
        crew,
    )


def listen_for_admin(control: ControlSettings | None) -> tuple[socket.socket | None, str | None]:
    """The admin API's socket, or why there is none. It is no reason not to serve: gateways do without."""
    if control is None:
        return None, None
    try:
        if control.tls is not None:
            ListeningTls(control.tls, "[control.tls]")
        return listen_on_port(control.host, control.port, "[control] host and port"), None
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


def _listen(gateway: GatewaySettings) -> socket.socket:
    if gateway.socket is not None:
        return listen_on_path(gateway.socket, "[gateway] socket")
    return listen_on_port(gateway.host, gateway.port, "[gateway] host and port, or --port")


def live(launch: Launch) -> int:
    """What a child process does with its life. Returns its exit status."""
    set_up_logging(launch.settings.log.format, launch.settings.log.level, launch.name)
    run = run_gateway if launch.role == "gateway" else run_control
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(launch))
    except EntrepotError as error:
        sys.stderr.write(f"entrepot: the {launch.role} process cannot run: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(live(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Launch)))

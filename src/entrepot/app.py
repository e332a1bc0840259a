"""The one place where things are wired: settings become a planner, a gateway process, a control process, an installation.

Rules of this file: no decisions and no wire; only who is given what. A child process is `python -m entrepot.app`: it reads
what it is to be (`Launch`) from its standard input, so that no setting appears in a process list.
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
from pathlib import Path
from typing import Literal

import msgspec
import uvloop

from entrepot.canonical.request import Message, Request, Text
from entrepot.catalog.load import Catalog, load_catalog
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.drive.driver import Driver
from entrepot.drive.recorder import SpoolRecorder
from entrepot.errors import Defect, EntrepotError, SettingsError, Unavailable
from entrepot.exchange.choices import Choices
from entrepot.exchange.planning import Considered, Planner, Steering
from entrepot.exchange.refusing import Refusal
from entrepot.learning.fresh import Sources
from entrepot.learning.promises import Follower
from entrepot.learning.recalibrate import Recalibrator, build_recalibrator, follow
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.kept_responses import ResponseStore
from entrepot.ledger.lookup import find_entry
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.sqlite import open_sqlite
from entrepot.policy.rules import Principal
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.base import ModelFacts, Router
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.worth import Knob
from entrepot.server.authenticate import Keyring
from entrepot.server.connection import ConnectionLimits
from entrepot.server.endpoints import Gateway
from entrepot.server.kept_responses import KeptResponses
from entrepot.server.serving import build_server
from entrepot.server.supervisor import Child, Supervisor, watch_parent
from entrepot.settings.schema import Settings
from entrepot.upstream.client import UpstreamClient

Role = Literal["gateway", "control"]


class Launch(msgspec.Struct, frozen=True):
    """What a child process is told: its role, its name among its like, who starts it, the settings, the socket it inherits."""

    role: Role
    name: str
    parent: int
    settings: Settings
    fd: int = -1


def model_facts(catalog: Catalog) -> dict[str, ModelFacts]:
    """What a router may know of models beside outcomes."""
    return {
        model.id: ModelFacts(
            scores={score.benchmark: score.score for score in model.scores},
            reasoning=bool(model.reasoning),
            names=model.names,
        )
        for model in catalog.models
    }


def build_planner(settings: Settings, promises: Follower | None = None) -> Planner:
    """The planner for these settings, with the router they name or the one that ships, and the promises that stand."""
    choices = build_choices(settings, load_router(settings))
    (promises or Follower(settings.ledger.directory)).attach(choices)
    return Planner(choices, settings.deadlines)


def load_router(settings: Settings) -> EnsembleRouter:
    """The router that the settings name, or the one that ships. Raises ArtifactError."""
    return load_artifact(Path(settings.router) if settings.router else default_artifact_path()).router()


def build_choices(settings: Settings, router: Router) -> Choices:
    """Every name of these settings, with the knobs of its routes at the prices of now."""
    return Choices(
        deployments=settings.deployments,
        routes=settings.routes,
        rules=settings.rules,
        exchange_rates=settings.exchange_rates,
        dialects=PROVIDER_DIALECTS,
        router=router,
        facts=model_facts(load_catalog()),
        at_s=time.time(),
    )


def find_knobs(settings: Settings) -> dict[str, Knob]:
    """What the routes' goals come to over all requests, and what is promised of them, by route."""
    choices = build_choices(settings, load_router(settings))
    Follower(settings.ledger.directory).attach(choices)
    return choices.knobs


def check_router(settings: Settings) -> None:
    """Raises ArtifactError if the router that the settings name cannot be used: here, once, and not in every process."""
    if settings.router is not None:
        load_artifact(Path(settings.router))


def decide_offline(
    settings: Settings, text: str, model: str, principal: Principal, steering: Steering
) -> Considered | Refusal:
    """The decision that a gateway with these settings would take for this text, without calling anyone or drawing lots."""
    request = Request(model=model, messages=(Message("user", (Text(text),)),))
    return build_planner(settings).consider(request, principal, steering, None, time.time())


def build_gateway(settings: Settings, planner: Planner, upstream: UpstreamClient, spool: SpoolWriter) -> Gateway:
    """The ASGI application of one gateway process."""
    recorder = SpoolRecorder(spool.append, lambda entry: msgspec.json.encode(entry).decode())
    return Gateway(
        settings=settings.gateway,
        keyring=Keyring(settings.keys),
        planner=planner,
        driver=Driver(upstream, recorder.append),
        recorder=recorder,
        find_entry=lambda id_: find_entry(settings.ledger.directory, id_),
        responses=KeptResponses(_open_responses(settings), settings.gateway.max_body_bytes),
    )


def _open_responses(settings: Settings) -> ResponseStore | None:
    kept = settings.responses
    return ResponseStore(settings.ledger.directory, kept.keep_days) if kept.store else None


async def run_gateway(launch: Launch) -> None:
    """Serve on the inherited socket until told to stop, then finish the exchanges under way."""
    settings = launch.settings
    spool = SpoolWriter(settings.ledger.directory, launch.name)
    upstream = UpstreamClient(environ=os.environ)
    promises = Follower(settings.ledger.directory)
    server = build_server(
        build_gateway(settings, build_planner(settings, promises), upstream, spool),
        limits=ConnectionLimits(head_timeout_s=settings.gateway.body_timeout_s),
        grace_s=settings.gateway.grace_s,
        render_error=OpenAIChat.render_error,
    )
    _stop_with(lambda: setattr(server, "should_exit", True), launch.parent)
    keeping = asyncio.create_task(promises.follow())
    try:
        await server.serve(sockets=[socket.socket(fileno=launch.fd)])
    finally:
        keeping.cancel()
        await upstream.close()
        spool.close()


async def run_control(launch: Launch) -> None:
    """Bring entries from the spools into the ledger until told to stop, then once more; keep the promises of routes."""
    stop = asyncio.Event()
    _stop_with(stop.set, launch.parent)
    directory = launch.settings.ledger.directory
    store = open_sqlite(directory)
    keeping = asyncio.create_task(_keep_promises(launch.settings, stop))
    try:
        await Ingester(store, directory).follow(stop)
        await keeping
    finally:
        store.close()


async def _keep_promises(settings: Settings, stop: asyncio.Event) -> None:
    """Only where something can change them: outcomes that come in, or prices that depend on the hour or the day.

    Made in a thread: loading a router takes half a second, in which the ledger has to be written on.
    """
    prices = [one.price for one in settings.deployments if one.price is not None]
    if not (settings.fresh.outcomes or any(price.windows or price.changes for price in prices)):
        return

    def build() -> Recalibrator:
        router, catalog = load_router(settings), load_catalog()
        fresh = Sources(settings.fresh.outcomes, settings.fresh.prompts, settings.fresh.last)
        choices = build_choices(settings, router)
        return build_recalibrator(choices, router, catalog, model_facts(catalog), fresh, settings.ledger.directory)

    try:
        await follow(await asyncio.to_thread(build), stop)
    except EntrepotError as error:
        logging.getLogger(__name__).error("promises are not kept up: %s", error.message)


def _stop_with(stop: Callable[[], object], parent: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    def orphaned() -> None:
        loop.call_soon_threadsafe(stop)

    watch_parent(parent, orphaned)


class Running(msgspec.Struct, frozen=True, eq=False):
    """An installation that is up: where it listens, and its processes."""

    host: str
    port: int
    supervisor: Supervisor
    listening: socket.socket

    def run(self) -> None:
        """Keep it up until `supervisor.request_stop`, then give the port back and stop its processes.

        Raises Unavailable when no gateway can start any more.
        """
        try:
            self.supervisor.watch()
        finally:
            self.listening.close()  # first: a client that connects now is refused, and does not wait for nobody
            self.supervisor.stop()

    @property
    def base_url(self) -> str:
        """What OpenAI clients take as their base URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


def start(settings: Settings, environ: Mapping[str, str]) -> Running:
    """Start the processes of an installation and return once a gateway answers.

    Raises SettingsError, ArtifactError or Unavailable.
    `environ` is what the processes get as their environment: it holds the secrets that the settings refer to.
    """
    check_router(settings)
    _open_responses(settings)
    open_sqlite(settings.ledger.directory).close()  # migrations run once, before any process reads the ledger
    listening = _listen(settings.gateway.host, settings.gateway.port)
    host, port = listening.getsockname()[:2]

    def child(role: Role, number: int) -> Child:
        fd = listening.fileno() if role == "gateway" else -1
        launch = Launch(role, f"{role}-{number}", os.getpid(), settings, fd)
        return Child(role, lambda: _spawn(launch, environ))

    gateways = [child("gateway", number) for number in range(settings.gateway.processes)]
    supervisor = Supervisor(gateways, child("control", 0), settings.gateway.grace_s)
    try:
        _wait_ready(host, port, gateways)
    except BaseException:
        supervisor.stop()
        listening.close()
        raise
    return Running(host, port, supervisor, listening)


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


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with [gateway] host and port, or --port"
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

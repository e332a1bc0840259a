"""Settings put together to what works by them: a planner, a gateway, a gateway without a socket.

Rules of this file: no decisions and no wire; only who is given what. `app.py` makes processes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import msgspec

from entrepot.canonical.request import Message, Request, Text
from entrepot.control.accounting import Accounting
from entrepot.control.content import build_keeper
from entrepot.control.metering import build_admission, open_counters
from entrepot.control.place import control_place
from entrepot.control.reload import build_keyring
from entrepot.drive.admit import Admission
from entrepot.drive.driver import Driver, Notebook
from entrepot.drive.recorder import SpoolRecorder
from entrepot.errors import EntrepotError
from entrepot.exchange.allowance import Allowances
from entrepot.exchange.board import Board
from entrepot.exchange.circumstance import UNSEEN, Seen
from entrepot.exchange.health import UNKNOWN
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.records import Entry
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.sessions import SessionMemory
from entrepot.exchange.steering import Steering
from entrepot.learning.promises import Follower
from entrepot.ledger.health_reports import (
    RENEW_S,
    HealthReport,
    latest,
    place_of,
    read_reports,
    remove_report,
    states,
    write_report,
)
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.kept_responses import ResponseStore
from entrepot.ledger.lookup import find_entry
from entrepot.ledger.spool import SpoolWriter
from entrepot.policy.eligibility import Effect
from entrepot.policy.rules import Principal
from entrepot.policy.teams import parents_of
from entrepot.router_in_force import Routers, choices_builder
from entrepot.server.afterwards import Afterwards
from entrepot.server.endpoints import Gateway
from entrepot.server.in_process import InProcess, TappedSpool
from entrepot.server.inspection import Inspector
from entrepot.server.kept_responses import KeptResponses
from entrepot.server.metrics_page import MetricsPage, Telling
from entrepot.server.outcomes import Outcomes
from entrepot.server.verdicts import Verdicts
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.ledger import ledger_place
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import KeySettings, Settings
from entrepot.settings.sensing import build_sensor
from entrepot.telemetry.metrics import Metrics
from entrepot.telemetry.notes import notes_on
from entrepot.upstream.client import UpstreamClient
from entrepot.upstream.credentials import Credentials

log = logging.getLogger(__name__)
_LOOKS, _LOOK_S = 100, 0.1


class Experience(msgspec.Struct, frozen=True, eq=False):
    """What a process learns as it goes, whichever planner is in force: of conversations, of how deployments fare, of promises.

    `sessions` None: nothing is remembered of any conversation. `promises` follows for the last promises of routes; None: those
    that stand when a planner is made.
    """

    sessions: SessionMemory | None = None
    promises: Follower | None = None
    board: Board = msgspec.field(default_factory=Board)


def planner_builder(settings: Settings, experience: Experience) -> Callable[[Settings], Planner]:
    """What makes planners for these settings that differ in rules, routes and the router's version: what is slow to load is
    loaded once.

    Each is given the promises that stand.
    """
    compile_ = choices_builder(settings, Routers(settings))
    follower = experience.promises or Follower(settings.ledger.directory)

    def build(in_force: Settings) -> Planner:
        choices = compile_(in_force)
        follower.attach(choices)
        return Planner(choices, settings.deadlines, experience.sessions, experience.board, settings.conduct)

    return build


def build_board(settings: Settings) -> Board:
    """Where it is kept how deployments fare, who are hosts of the same model, and what may be done beside what was asked for."""
    hosts: dict[str, list[str]] = {}
    for deployment in settings.deployments:
        hosts.setdefault(deployment.model, []).append(deployment.id)
    siblings = {id_: tuple(ids) for ids in hosts.values() for id_ in ids}
    return Board(settings.circuit, siblings, Allowances(settings.conduct.retries.share, settings.hedge_share))


def recall_health(settings: Settings, board: Board) -> Board:
    """The board, which begins with what the processes know that run, or ran a moment ago: a reload makes nobody well."""
    known = latest(read_reports(settings.ledger.directory, time.time()))
    board.recall({one.id: known[place_of(one)] for one in settings.deployments if place_of(one) in known})
    return board


async def report_health(settings: Settings, board: Board, process: str) -> None:
    """Say what this process knows of deployments, for the admin API and who follows it, until it is cancelled."""
    ids, told = [deployment.id for deployment in settings.deployments], ""
    places = {one.id: place_of(one) for one in settings.deployments}
    try:
        while True:
            now_s = time.time()
            try:
                known = {place: health for id_, place in places.items() if (health := board.of(id_)) is not UNKNOWN}
                report = HealthReport(process, now_s, tuple(board.view(ids, now_s)), known)
                write_report(settings.ledger.directory, report)
            except EntrepotError as error:  # it is only shown: answers go on
                if error.message != told:
                    log.error("%s", error.message)
                told = error.message
            await asyncio.sleep(RENEW_S)
    finally:
        remove_report(settings.ledger.directory, process)


def build_planner(settings: Settings) -> Planner:
    """The planner for these settings, with the promises that stand and without any other experience."""
    return planner_builder(settings, Experience())(settings)


def decide_offline(
    settings: Settings, text: str, model: str, principal: Principal, steering: Steering, said: Seen = UNSEEN
) -> Explained:
    """The decision that a gateway with these settings would take for this text, without calling anyone or drawing lots.

    `said` is what headers would say of it.
    """
    request = Request(model=model, messages=(Message("user", (Text(text),)),))
    found = build_sensor(settings).look({"text": msgspec.Raw(msgspec.json.encode(text))}, model)
    seen = msgspec.structs.replace(said, data_classes=said.data_classes | found.data_classes, counts=found.counts)
    planner = build_planner(settings)
    considered = planner.consider(request, principal, steering, None, time.time(), seen)
    return Explained(considered, planner.effects(request, principal, steering, seen), seen)


class Explained(msgspec.Struct, frozen=True, eq=False):
    """A decision, what each rule did for it, and what was seen of the request."""

    considered: Considered | Refusal
    effects: tuple[Effect, ...]
    seen: Seen


def ruled_builder(settings: Settings, experience: Experience) -> Callable[[Settings], tuple[Planner, Inspector]]:
    """What makes all of a gateway that depends on rules and routes, for these settings."""
    build_planner = planner_builder(settings, experience)

    def build(in_force: Settings) -> tuple[Planner, Inspector]:
        sensor = build_sensor(msgspec.structs.replace(settings, rules=in_force.rules))
        return build_planner(in_force), Inspector(
            sensor, settings.gateway.region_header, settings.gateway.trusted_proxies
        )

    return build


def build_gateway(
    settings: Settings,
    planner: Planner,
    inspector: Inspector,
    upstream: UpstreamClient,
    spool: SpoolWriter,
    experience: Experience,
    admission: Admission | None = None,
    metrics: Metrics | None = None,
    afterwards: Afterwards | None = None,
) -> Gateway:
    """The ASGI application of one gateway process; what its exchanges teach goes into `experience`."""
    recorder = build_recorder(settings, spool, metrics)
    record = recorder.append if afterwards is None else partial(_record, recorder, afterwards)
    board, ids = experience.board, [deployment.id for deployment in settings.deployments]
    notebook = Notebook(record, lambda attempt: board.learn(attempt, time.time()), begin=board.begin, end=board.end)
    if experience.sessions is not None:
        notebook = msgspec.structs.replace(notebook, keep=experience.sessions.keep)
    return Gateway(
        settings=settings.gateway,
        keyring=build_keyring(settings),
        planner=planner,
        driver=Driver(upstream, notebook),
        recorder=recorder,
        find_entry=lambda id_: find_entry(ledger_place(settings, os.environ), id_),
        outcomes=build_outcomes(settings, spool),
        responses=KeptResponses(open_responses(settings), settings.gateway.max_body_bytes),
        inspector=inspector,
        afterwards=afterwards,
        contents=build_keeper(settings, os.environ, spool.name, metrics),
        admission=admission,
        telling=None if metrics is None else _telling(settings, metrics),
        look_at_deployments=lambda: states(board.view(ids, time.time())),
        trace_rules=settings.telemetry.tracing,
    )


def _record(recorder: SpoolRecorder, afterwards: Afterwards, entry: Entry) -> None:
    recorder.append(entry)
    afterwards.hear(entry)


def build_outcomes(settings: Settings, spool: SpoolWriter) -> Outcomes:
    """What takes in what came of exchanges."""
    place = ledger_place(settings, os.environ)
    verdicts = Verdicts(settings.verdicts, Credentials(os.environ).read, spool.append)
    return Outcomes(settings.gateway, lambda id_: find_entry(place, id_), verdicts, spool.append)


def build_recorder(settings: Settings, spool: SpoolWriter, metrics: Metrics | None) -> SpoolRecorder:
    """What writes entries into the spool, and counts them."""
    count, lose = (lambda _: None, lambda: None) if metrics is None else (metrics.count, metrics.lose)
    return SpoolRecorder(spool.append, _describe, count, lose, must_write=settings.ledger.when_full == "refuse")


def _describe(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


def _telling(settings: Settings, metrics: Metrics) -> Telling:
    trusted, directory = settings.gateway.trusted_proxies, settings.ledger.directory
    page = MetricsPage(settings.metrics, trusted, metrics.render, Credentials(os.environ).read)
    return Telling(page, metrics.refuse, lambda: notes_on(directory))


@contextlib.asynccontextmanager
async def asking(settings: Settings, key: KeySettings, tags: frozenset[str]) -> AsyncIterator[InProcess]:
    """The gateway in this process, without a socket, asked as `key` would; entries go to a spool of its own.

    Who asks has no need of the key's text: for as long as this lasts another one stands for the same principal.
    """
    made = make_key(secrets.token_bytes(ENTROPY_BYTES))
    scope = msgspec.structs.replace(key.scope, addresses=None)  # there is no address: nobody is connected
    known = msgspec.structs.replace(key, sha256=made.sha256, scope=scope)
    settings = msgspec.structs.replace(settings, keys=(known,))
    upstream, experience = UpstreamClient(environ=os.environ), Experience(board=build_board(settings))
    admission = build_admission(settings, "in-process")
    with TappedSpool(settings.ledger.directory, "in-process") as spool:
        try:
            planner, inspector = ruled_builder(settings, experience)(settings)
            gateway = build_gateway(settings, planner, inspector, upstream, spool, experience, admission)
            if admission is not None:
                admission.leases.start()
                await _begin_counting(settings)
            principal = principal_of(known, parents_of(settings.teams))
            yield InProcess(gateway, spool, planner, made.text, principal, tags)
        finally:
            await upstream.close()
            if admission is not None:
                await admission.leases.close()


async def _begin_counting(settings: Settings) -> None:
    """Wait until the shared counters count. Where no control process is there to begin them, this does it.

    Raises LedgerError, CountersUnreachable or ControlError.
    """
    directory = settings.ledger.directory
    control_place(settings, os.environ).prepare()
    place = ledger_place(settings, os.environ)
    with place.open_store() as store, contextlib.closing(open_counters(settings, os.environ)) as counters:
        accounting = Accounting(settings, counters, store, Ingester(store, directory))
        for _ in range(_LOOKS):
            await asyncio.to_thread(accounting.settle)
            epoch = await asyncio.to_thread(counters.epoch)
            if epoch is not None and epoch.active:
                return
            await asyncio.sleep(_LOOK_S)


def open_responses(settings: Settings) -> ResponseStore | None:
    """Where answers are kept for clients who ask for them again, None if they are not."""
    kept = settings.responses
    return ResponseStore(settings.ledger.directory, kept.keep_days) if kept.store else None

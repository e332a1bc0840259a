"""Exchanges asked again beside what was sent: after their clients have their answers, and never in their way.

Rules of this file: what waits is held in this process's memory alone, in a queue with an end. A shadow is not begun while the
process has much to do, or while anybody waits at a limit or a budget; what is not asked is counted. It has its own driver: how
it fares is written down, and changes nothing about how deployments are chosen for clients. Its answer is read here and kept
nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec

from entrepot.canonical.response import Choice
from entrepot.drive.admit import Admission
from entrepot.drive.driver import Driver, Notebook, Upstream
from entrepot.drive.identity import new_exchange_id
from entrepot.errors import EntrepotError
from entrepot.exchange.commands import SendHead
from entrepot.exchange.course import course_of
from entrepot.exchange.outcome_plan import Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.planning import Planner
from entrepot.exchange.records import Entry
from entrepot.exchange.shadowing import Moment, NotAsked
from entrepot.server.judging import question_of
from entrepot.server.letting_in import let_in
from entrepot.server.witness import Witness

log = logging.getLogger("entrepot.shadows")

Result = Literal[NotAsked, "answered", "failed", "queue_full", "busy", "not_let_in", "not_comparable"]
"""What became of an exchange that was drawn: see `NotAsked` · asked, and answered · asked, and not answered in full · too many
wait · the process had much to do, or somebody waited at a limit · a budget or a limit left no room · no judge could read it."""

MOST_WAITING = 64
WORKERS = 4


class Due(msgspec.Struct, frozen=True, eq=False):
    """An exchange that is over, drawn to be asked again: its plan, its answer as it was sent, and its entry."""

    wanted: Shadowing
    plan: Plan
    sent: Choice
    entry: Entry


class Pairing(Protocol):
    """Who is told of both answers."""

    def __call__(self, due: Due, shadow: Plan, answer: Choice) -> Awaitable[None]:
        """Find out which is better, and write it down."""
        ...


class Shadows:
    """One gateway process's. `planner` is the one in force; `record` writes an entry down; while `is_busy` nobody is asked."""

    def __init__(
        self,
        planner: Callable[[], Planner],
        upstream: Upstream,
        record: Callable[[Entry], None],
        count: Callable[[Result], None],
        admission: Admission | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._planner = planner
        self._driver = Driver(upstream, Notebook(self._hear))
        self._record = record
        self._count = count
        self._admission = admission
        self._is_busy = is_busy
        self._waiting = self._entering = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(WORKERS)
        self._expected: dict[str, Witness] = {}

    def take(self, due: Due, pair: Pairing) -> None:
        """Ask again when there is time, and tell `pair` of both answers."""
        if self._waiting >= MOST_WAITING:
            self._count("queue_full")
            return
        self._waiting += 1
        task = asyncio.create_task(self._ask(due, pair))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Ask nobody more; what is under way is ended and written down."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._waiting -= 1
        self._tasks.discard(task)

    async def _ask(self, due: Due, pair: Pairing) -> None:
        async with self._slots:
            try:
                self._count(await self._result(due, pair))
            except asyncio.CancelledError:
                self._count("failed")
                raise
            except Exception:  # the border: whatever escapes is our defect, and no client's
                log.exception("the shadow of exchange %s failed by a defect", due.plan.id)
                self._count("failed")

    async def _result(self, due: Due, pair: Pairing) -> Result:
        if due.wanted.compare == "judges" and question_of(due.plan.asked.request) is None:
            return "not_comparable"
        if self._is_busy() or self._others_wait():
            return "busy"
        now_ns = time.time_ns()
        moment = Moment(new_exchange_id(now_ns), now_ns, time.monotonic())
        plan = self._planner().shadow(due.wanted, due.plan, due.entry, moment)
        if not isinstance(plan, Plan):
            return plan
        answer = await self._perform(plan)
        if answer == "not_let_in" or answer is None:
            return answer or "failed"
        await pair(due, plan, answer)
        return "answered"

    async def _perform(self, plan: Plan) -> Choice | Literal["not_let_in"] | None:
        """The answer; None where there is none to compare."""
        nobody = _Nobody()
        self._entering += 1
        try:
            plan, ticket = await let_in(self._admission, plan, nobody, self._record)
        except EntrepotError:
            return "not_let_in"
        finally:
            self._entering -= 1
        witness = self._expected[plan.id] = Witness(nobody, plan, (), judged=False, reads=True)
        try:
            await self._driver.perform(course_of(plan, time.monotonic), witness, ticket)
        finally:
            del self._expected[plan.id]
        completed = witness.entry is not None and witness.entry.state == "completed"
        response = witness.response() if completed else None
        return response.choices[0] if response is not None and response.choices else None

    def _others_wait(self) -> bool:
        """Whether anybody waits at a limit or a budget but shadows."""
        return self._admission is not None and self._admission.leases.waiting > self._entering

    def _hear(self, entry: Entry) -> None:
        self._record(entry)
        witness = self._expected.get(entry.id)
        if witness is not None:
            witness.entry = entry


class _Nobody:
    """The client of an exchange that nobody waits for."""

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:  # noqa: ARG002 - as a client
        """Take it, and forget it."""
        return None

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """It never goes."""

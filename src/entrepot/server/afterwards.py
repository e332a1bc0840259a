"""What is found out of an exchange after its answer was sent: signs, checks, judges.

Rules of this file: no exchange waits for any of it, and none fails by it. What was said is held in this process's memory alone,
in a queue with an end: what does not fit is not looked at, and counted. With `x-entrepot-no-store` no answer is read; a sign in
the traffic needs none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from entrepot.canonical.request import Refusal, Text, ToolCall
from entrepot.canonical.response import Choice
from entrepot.drive.driver import MOST_CHECKS, Client
from entrepot.drive.validate import validate
from entrepot.errors import LedgerError
from entrepot.exchange.outcome import SIGN_WEIGHT, Outcome, OutcomeSource, outcome_id
from entrepot.exchange.outcome_plan import OutcomePlan, SampledCheck, Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.records import Entry
from entrepot.exchange.sessions import exchange_before
from entrepot.exchange.shadowing import is_drawn
from entrepot.exchange.steadying import draw
from entrepot.routing.session import MOST_REPEATS
from entrepot.routing.signs import Sign, sign_of
from entrepot.routing.validator import Validator, Verdict
from entrepot.server.comparing import WHOLE, Answered, Checking, Pair, compare
from entrepot.server.judging import Case
from entrepot.server.shadows import Due, Shadows
from entrepot.server.witness import Witness

log = logging.getLogger("entrepot.outcomes")

Missed = Literal["queue_full", "too_long", "unread", "check_failed", "not_judged", "unwritten"]
"""Why an outcome that was drawn for is missing: the queue was full · the answer too long to hold · it could not be read, or was
not completed · the check itself could not be made · no judge gave a verdict · the spool took nothing."""

MOST_WAITING = 256
MOST_WAITING_BYTES = 16 * 1024 * 1024
WORKERS = 4


class Tally(Protocol):
    """Where it is counted what came of it."""

    def kept(self, source: OutcomeSource) -> None:
        """An outcome was written down."""
        ...

    def missed(self, why: Missed) -> None:
        """One was not."""
        ...


class Court(Protocol):
    """Who judges."""

    async def judge(self, case: Case) -> list[Outcome]:
        """What each judge says of it; nothing where none may, can or does."""
        ...


class Afterwards:
    """One gateway process's. `plans` are those of routes, `keep` writes an outcome down, `court` judges where there is one."""

    def __init__(
        self,
        plans: Mapping[str, OutcomePlan],
        keep: Callable[[Outcome], None],
        tally: Tally,
        *,
        court: Court | None = None,
        check: Checking | None = None,
    ) -> None:
        self._plans = plans
        self._keep = keep
        self._tally = tally
        self.court = court
        self.shadows: Shadows | None = None
        self._check = check or _checking()
        self._queue: asyncio.Queue[Witness] | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._bytes = 0
        self._expected: dict[str, Witness] = {}

    def witness(self, client: Client, plan: Plan, *, may_read: bool) -> Witness | None:
        """The client through which an exchange is witnessed; None where nothing is wanted of it."""
        wanted = self._plans.get(plan.route or "")
        if wanted is None or plan.asked.request.operation != "generate":
            return None
        checks: tuple[SampledCheck, ...] = ()
        judged = reads = False
        shadows: tuple[Shadowing, ...] = ()
        if may_read:
            checks = tuple(one for one in wanted.checks if draw(f"check {one.name}\n{plan.id}") < one.share)
            judged = wanted.judging is not None and draw(f"judges\n{plan.id}") < wanted.judging.share
            shadows = self._drawn(wanted.beside, plan)
            reads = bool(checks or shadows) or judged or (wanted.signs and _wants_json(plan))
        if not reads and not (wanted.signs and _goes_on(plan)):
            return None
        witness = self._expected[plan.id] = Witness(client, plan, checks, judged=judged, reads=reads, shadows=shadows)
        return witness

    def adopt(self, plans: Mapping[str, OutcomePlan]) -> None:
        """Go on by other plans of the same routes."""
        self._plans = plans

    def _drawn(self, wanted: tuple[Shadowing, ...], plan: Plan) -> tuple[Shadowing, ...]:
        """Who is to be asked beside this exchange, as the lots fall on it. Of several answers to one request none is."""
        if not wanted or self.shadows is None or plan.asked.request.n != 1:
            return ()
        return tuple(one for one in wanted if is_drawn(one, plan.id))

    def hear(self, entry: Entry) -> None:
        """An entry was written down."""
        witness = self._expected.get(entry.id)
        if witness is not None:
            witness.entry = entry

    def take(self, witness: Witness) -> None:
        """The exchange is over: look at it when there is time."""
        self._expected.pop(witness.plan.id, None)
        if self._queue is None:
            self._queue = asyncio.Queue(MOST_WAITING)
            self._workers = [asyncio.create_task(self._work(self._queue)) for _ in range(WORKERS)]
        if self._queue.full() or self._bytes + witness.size > MOST_WAITING_BYTES:
            self._tally.missed("queue_full")
            return
        self._bytes += min(witness.size, MOST_WAITING_BYTES)
        self._queue.put_nowait(witness)

    async def close(self) -> None:
        """Look at nothing more; what waits is not looked at, and counted."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while self._queue is not None and not self._queue.empty():
            self._queue.get_nowait()
            self._tally.missed("queue_full")
        if self.shadows is not None:
            await self.shadows.close()

    async def _work(self, queue: asyncio.Queue[Witness]) -> None:
        while True:
            witness = await queue.get()
            try:
                await self._look(witness)
            except Exception:  # the border: whatever escapes is our defect, and the next one is to be looked at
                log.exception("what came of exchange %s was not found out, by a defect", witness.plan.id)
            finally:
                self._bytes -= witness.size

    async def _look(self, witness: Witness) -> None:
        plan = witness.plan
        wanted = self._plans[plan.route or ""]
        if wanted.signs:
            self._read_signs(plan)
        if not witness.reads:
            return
        choice = self._choice(witness)
        if choice is None:
            return
        if witness.entry is not None and self.shadows is not None:
            for one in witness.shadows:
                self.shadows.take(Due(one, plan, choice, witness.entry), self._compare)
        if any(isinstance(part, ToolCall) for part in choice.parts):
            return  # an answer that calls tools is none yet
        text = "".join(part.text for part in choice.parts if isinstance(part, Text))
        refused = any(isinstance(part, Refusal) for part in choice.parts)
        if wanted.signs and _wants_json(plan) and not refused and not _is_json(text):
            self._write("sign", "bad_json", plan.id, 0.0, SIGN_WEIGHT)
        for check in witness.checks:
            if refused or choice.finish_reason not in WHOLE:
                self._write("check", check.name, plan.id, 0.0)
                continue
            await self._run(check.name, check.check, text, plan.id)
        if witness.judged and witness.entry is not None and witness.entry.served is not None:
            await self._judge(Case(plan, text, witness.entry.served.deployment))

    def _choice(self, witness: Witness) -> Choice | None:
        """The answer, if it was completed and can be read."""
        if witness.too_long:
            self._tally.missed("too_long")
            return None
        completed = witness.entry is not None and witness.entry.state == "completed"
        response = witness.response() if completed else None
        if response is None or not response.choices:
            self._tally.missed("unread")
            return None
        return response.choices[0]

    def _read_signs(self, plan: Plan) -> None:
        session = plan.session
        if session is None:
            return
        about = exchange_before(session)
        if about is None:
            return
        again = 0 < session.repeats <= MOST_REPEATS
        sign: Sign | None = "regenerated" if again else sign_of(plan.asked.request.messages)
        if sign is not None:
            self._write("sign", sign, about, 0.0, SIGN_WEIGHT)

    async def _run(self, name: str, check: Validator, text: str, exchange: str) -> None:
        try:
            verdict = await self._check(check, text)
        except OSError:  # no process could be started
            self._tally.missed("check_failed")
            return
        if verdict.conclusive:
            self._write("check", name, exchange, float(verdict.passed))
        else:
            self._tally.missed("check_failed")

    async def _judge(self, case: Case) -> None:
        said = await self._ask_court(case)
        if not said:
            self._tally.missed("not_judged")
        for outcome in said:
            self._keep_one(outcome)

    async def _compare(self, due: Due, shadow: Plan, answer: Choice) -> None:
        """Find out whether the shadow's answer is better than what was sent."""
        checks = self._plans[due.plan.route or ""].checks
        (asked,) = shadow.eligible
        sent = Answered("" if due.entry.served is None else due.entry.served.deployment, due.sent)
        pair = Pair(due.plan, sent, shadow.id, Answered(asked, answer), due.wanted.compare, checks)
        try:
            said = await compare(pair, self._ask_court, self._check)
        except OSError:
            said = []
        if not said:
            self._tally.missed("not_judged" if due.wanted.compare == "judges" else "check_failed")
        for outcome in said:
            self._keep_one(outcome)

    async def _ask_court(self, case: Case) -> list[Outcome]:
        return [] if self.court is None else await self.court.judge(case)

    def _write(self, source: OutcomeSource, who: str, exchange: str, score: float, weight: float = 1.0) -> None:
        id_ = outcome_id(source, who, exchange)
        self._keep_one(Outcome(id_, exchange, time.time_ns(), source, who, score, weight=weight))

    def _keep_one(self, outcome: Outcome) -> None:
        try:
            self._keep(outcome)
        except LedgerError as error:
            log.error("an outcome was not written down: %s", error.message)
            self._tally.missed("unwritten")
        else:
            self._tally.kept(outcome.source)


def _goes_on(plan: Plan) -> bool:
    """Whether there was an answer before this one."""
    session = plan.session
    return session is not None and (session.repeats > 0 or session.conversation.turns > 0)


def _wants_json(plan: Plan) -> bool:
    return plan.asked.request.output_format.kind != "text"


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def _checking() -> Checking:
    slots = asyncio.Semaphore(max(1, MOST_CHECKS // 2))  # exchanges that wait for a check go first

    async def check(validator: Validator, text: str) -> Verdict:
        return await validate(validator, text, slots)

    return check

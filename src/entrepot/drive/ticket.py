"""What one exchange holds of limits and budgets, from its entering until it is settled.

Rules of this file: before the first byte leaves, the worst case of the first call is reserved in every hard budget that it
is charged to, and written to the journal; before a further call the reservation is extended by that one's. What was reserved
stays so until the entry lies in the spool. An attempt whose tokens no provider has reported is charged its worst case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from entrepot.canonical.stream import Failure
from entrepot.dialects.base import HeaderPairs
from entrepot.dialects.rate_headers import Allowance, render_rate_headers
from entrepot.drive.admit import Admission
from entrepot.drive.purse import Claim
from entrepot.drive.turned_away import no_bound
from entrepot.errors import BudgetExceeded, CountersUnreachable, EntrepotError, LedgerError
from entrepot.exchange.commands import AskLeave
from entrepot.exchange.events import Event, LeaveGiven, LeaveRefused
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.exchange.worst_case import worst_nano_usd
from entrepot.ledger.reservations import Reserved, Settled
from entrepot.policy.budgets import Charge
from entrepot.policy.limits import WINDOW_S, Ceiling

log = logging.getLogger("entrepot.budgets")

_TYPICAL_ANSWER_TOKENS = 500
_ADDED_BYTES = 256
"""What a provider's dialect usually adds to a request, so that a reservation seldom has to be extended at once."""


def open_ticket(admission: Admission, plan: Plan) -> ExchangeTicket | None:
    """What an exchange will have to hold to be let in; None where nothing holds for it.

    Raises BudgetExceeded where a hard budget holds and no candidate's cost can be bounded.
    """
    charges, ceilings = admission.holds_for(plan)
    if not charges and not ceilings and not admission.limits_targets:
        return None
    return ExchangeTicket(admission, plan, charges, ceilings)


class ExchangeTicket:
    """What one exchange holds of limits and budgets until it is settled."""

    def __init__(
        self, admission: Admission, plan: Plan, charges: tuple[Charge, ...], ceilings: Sequence[Ceiling]
    ) -> None:
        self._admission = admission
        self._plan = plan
        self._charges = charges
        hard = [charge for charge in charges if charge.budget.kind == "hard"]
        self._hard = hard[0] if hard else None
        self._party = plan.principal.team or plan.principal.key or ""
        self._tokens = _expected_tokens(plan) if ceilings or admission.limits_targets else 0
        self._reserved_for: tuple[Candidate | None, int] = (None, 0)
        self._first = self._reserved = self._first_worst()
        self._caller = [
            admission.claim(ceiling, self._tokens if ceiling.measure == "tokens" else 1) for ceiling in ceilings
        ]
        self._money = admission.money_claims(charges, self._reserved)
        self._targets: dict[int, list[Claim]] = {}
        self._slots: dict[int | None, list[Claim]] = {}
        self._worst: dict[int, int] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._second = 0
        self._entered = False
        self._settled = False

    @property
    def meters_attempts(self) -> bool:
        """Whether each attempt has to ask for leave."""
        return self._hard is not None or self._admission.limits_targets

    def stamp(self, plan: Plan) -> Plan:
        """The plan of an exchange that was let in."""
        announced = self.announce(plan.client.name)
        if not announced and not self.meters_attempts:
            return plan
        return msgspec.structs.replace(plan, metered=self.meters_attempts, announced=announced)

    def announce(self, dialect: str) -> HeaderPairs:
        """How much of the caller's limits is left, in headers of its dialect: of several, the one with the least."""
        least: dict[str, Allowance] = {}
        for claim in self._caller:
            if isinstance(claim.about, Ceiling) and claim.purse.kind == "window":
                left = max(0, claim.purse.left)
                reset_s = float(WINDOW_S) if left < claim.about.amount else 0.0
                found = Allowance(claim.about.amount, left, reset_s)
                known = least.get(claim.about.measure)
                if known is None or left < known.remaining:
                    least[claim.about.measure] = found
        if not least:
            return ()
        return render_rate_headers(dialect, least.get("requests"), least.get("tokens"), self._admission.leases.second())

    def try_enter(self) -> bool:
        """Let it in if that needs no waiting. Raises LedgerError."""
        if not self._admission.try_take([*self._caller, *self._money]):
            return False
        self._begin()
        return True

    async def enter(self) -> None:
        """Let it in, waiting where that is allowed. Raises as `Admission.take`, and LedgerError."""
        await self._admission.take([*self._caller, *self._money], party=self._party)
        self._begin()

    def _begin(self) -> None:
        """The claims were taken: write down what is reserved."""
        self._entered = True
        self._second = self._admission.leases.second()
        self._hold(None, self._caller)
        if not self._charges:
            return
        try:
            self._journal()
        except LedgerError:
            self.close()
            raise

    def ask(self, command: AskLeave, sink: Callable[[Event], None]) -> None:
        """See driver.Ticket."""
        candidate, most_bytes = self._reserved_for
        if command.candidate is candidate and command.body_bytes <= most_bytes:
            worst: int | str = self._first
        else:
            worst = self._worst_of(command.candidate, command.body_bytes)
        if isinstance(worst, str):
            sink(LeaveRefused(command.attempt, Failure("our_budget", worst)))
            return
        if self._worst:
            over = {attempt.number for attempt in command.before}
            running = sum(worst for number, worst in self._worst.items() if number not in over)
            more = max(0, self._known(command.before) + running + worst - self._reserved)
        else:
            more = max(0, worst - self._reserved)  # nobody was called before
        targets = self._admission.target_claims(command.candidate, self._tokens)
        claims = [*targets, *(self._admission.money_claims(self._charges, more) if more else ())]
        self._worst[command.attempt] = worst
        if not claims or self._admission.try_take(claims, first=_hold_money(claims)):
            self._give_leave(command.attempt, targets, more, sink)
            return
        self._asking[command.attempt] = asyncio.ensure_future(
            self._ask_and_wait(command.attempt, claims, targets, more, sink)
        )

    def leave(self, attempt: int) -> None:
        """See driver.Ticket."""
        asking = self._asking.pop(attempt, None)
        if asking is not None:
            asking.cancel()
        self._free(attempt)

    def charge(self, entry: Entry) -> Entry:
        """See driver.Ticket."""
        # Of several answers one may have ended, with a count of its own, before the client left.
        whole = entry.state == "completed" or self._plan.asked.request.n == 1
        charged = self._known(entry.attempts, whole=whole)
        if charged == (entry.cost_nano_usd or 0) and entry.cost_nano_usd is not None:
            return entry
        return entry if self._hard is None else msgspec.structs.replace(entry, charged_nano_usd=charged)

    def settle(self, entry: Entry) -> None:
        """See driver.Ticket."""
        if self._settled:
            return
        self._settled = True
        charged = entry.charged_nano_usd if entry.charged_nano_usd is not None else entry.cost_nano_usd or 0
        if self._hard is not None and charged > self._reserved:
            log.error(
                "exchange %s cost %d nano-dollars, and %d were the most that it could: its provider bills more than it "
                "was asked for",
                entry.id,
                charged,
                self._reserved,
            )
        self._correct_tokens(entry)
        self._release(charged)

    def close(self) -> None:
        """See driver.Ticket."""
        for attempt in list(self._asking):
            self.leave(attempt)
        for held in [attempt for attempt in self._slots if attempt is not None]:
            self._free(held)
        if self._entered and not self._settled:
            self._settled = True
            self._release(self._reserved if self._worst else 0)

    async def _ask_and_wait(
        self, attempt: int, claims: Sequence[Claim], targets: list[Claim], more: int, sink: Callable[[Event], None]
    ) -> None:
        try:
            # Only what has reserved money already may pass those who wait for money.
            await self._admission.take(claims, first=_hold_money(claims), party=self._party)
        except EntrepotError as error:
            self._asking.pop(attempt, None)
            kind: Literal["our_budget", "our_limit"] = "our_limit"
            if isinstance(error, BudgetExceeded | CountersUnreachable):
                kind = "our_budget"
            wait_s = getattr(error, "retry_after_s", None)
            sink(LeaveRefused(attempt, Failure(kind, error.public, retry_after_s=wait_s)))
            return
        self._asking.pop(attempt, None)
        self._give_leave(attempt, targets, more, sink)

    def _give_leave(self, attempt: int, targets: list[Claim], more: int, sink: Callable[[Event], None]) -> None:
        self._targets[attempt] = targets
        self._hold(attempt, targets)
        if more:
            self._reserved += more
            try:
                self._journal()
            except LedgerError as error:
                sink(LeaveRefused(attempt, Failure("our_budget", error.public)))
                return
        sink(LeaveGiven(attempt))

    def _first_worst(self) -> int:
        if self._hard is None:
            return 0
        reasons: list[str] = []
        fields = self._plan.asked.fields
        body = sum(map(len, fields)) + sum(map(len, map(bytes, fields.values()))) + 4 * len(fields) + _ADDED_BYTES
        for candidate in self._plan.candidates:
            worst = self._worst_of(candidate, body)
            if isinstance(worst, int):
                self._reserved_for = (candidate, body)
                return worst
            reasons.append(f"{candidate.deployment.id}: {worst}")
        raise no_bound(self._hard.budget.name, reasons)

    def _worst_of(self, candidate: Candidate, body_bytes: int) -> int | str:
        if self._hard is None:
            return 0
        plan = self._plan
        return worst_nano_usd(
            plan.asked,
            candidate,
            plan.max_output_tokens,
            body_bytes,
            plan.started_ns / 1_000_000_000,
            only_text=plan.only_text,
        )

    def _known(self, attempts: Sequence[AttemptRecord], *, whole: bool = True) -> int:
        """What attempts are charged: their cost where the provider has reported all of it, else the most that it can be."""
        total = 0
        for attempt in attempts:
            cost = attempt.cost_nano_usd or 0
            usage = attempt.usage
            unsure = attempt.cost_nano_usd is None or (usage is not None and (usage.estimated or not whole))
            total += self._worst.get(attempt.number, cost) if unsure and self._hard is not None else cost
        return total

    def _journal(self) -> None:
        plan = self._plan
        reserved = Reserved(
            id=plan.id,
            nano_usd=self._reserved,
            accounts=tuple([claim.purse.account for claim in self._money]),
            started_ns=plan.started_ns,
            dialect=plan.client.name,
            asked_model=plan.asked.request.model[:200],
            stream=plan.asked.request.stream,
            key=plan.principal.key,
            team=plan.principal.team,
            tags=tuple(sorted(plan.principal.tags)),
            route=plan.route,
            input_tokens=plan.input_tokens,
        )
        self._admission.journal.append(reserved)
        self._admission.open[plan.id] = reserved

    def _release(self, charged: int) -> None:
        if self._admission.open.pop(self._plan.id, None) is not None:
            try:
                self._admission.journal.append(Settled(self._plan.id, charged))
            except LedgerError as error:  # it stays reserved there, and is settled by its entry if this process dies
                log.error("%s", error.message)
        for claim in self._money:
            claim.purse.settle(self._reserved, charged)
        self._free(None)
        self._admission.leases.changed()

    def _hold(self, attempt: int | None, claims: Sequence[Claim]) -> None:
        """Remember which places are taken: those of one attempt, or (None) of the exchange as a whole."""
        if claims and (slots := [claim for claim in claims if claim.purse.kind == "slots"]):
            self._slots[attempt] = slots

    def _free(self, attempt: int | None) -> None:
        for claim in self._slots.pop(attempt, ()):
            claim.purse.settle(claim.need, 0)
            self._admission.leases.changed()

    def _correct_tokens(self, entry: Entry) -> None:
        """Tokens were counted on an estimate: the difference counts in the second in which that was."""
        if not self._caller and not self._admission.limits_targets:
            return
        each = {attempt.number: _tokens_of(attempt) for attempt in entry.attempts}
        self._correct(self._caller, sum(each.values()))
        for attempt, claims in self._targets.items():
            self._correct(claims, each.get(attempt, 0))

    def _correct(self, claims: Sequence[Claim], tokens: int) -> None:
        for claim in claims:
            if isinstance(claim.about, Ceiling) and claim.about.measure == "tokens" and tokens != claim.need:
                claim.purse.spend(tokens - claim.need, self._second)


def _hold_money(claims: Sequence[Claim]) -> bool:
    return any(claim.purse.kind == "money" for claim in claims)


def _expected_tokens(plan: Plan) -> int:
    """What is counted before the call: what is read, and what the router expects to be written, else what is usual."""
    chosen = plan.decision.order[0] if plan.decision.order else None
    expected = next((one.output_tokens for one in plan.decision.candidates if one.deployment == chosen), None)
    limit = plan.asked.request.max_output_tokens or plan.max_output_tokens
    wrote = _TYPICAL_ANSWER_TOKENS if expected is None else round(expected)
    if plan.asked.request.operation == "embed":
        wrote = 0
    return max(1, plan.input_tokens + (wrote if limit is None else min(wrote, limit)))


def _tokens_of(attempt: AttemptRecord) -> int:
    usage = attempt.usage
    return 0 if usage is None else usage.all_input + usage.all_output

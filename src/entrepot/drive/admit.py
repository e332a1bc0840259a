"""Who may go ahead: claims on limits and budgets, taken out of the leases in hand or waited for.

Rules of this file: with the leases in hand nothing here waits. Without counters the operator's choice applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from entrepot.drive.leases import Leases
from entrepot.drive.purse import Claim, NotGranted
from entrepot.drive.turned_away import refuse
from entrepot.errors import CountersUnreachable
from entrepot.exchange.plan import Candidate, Plan
from entrepot.ledger.reservations import Journal, Reserved
from entrepot.policy.budgets import BudgetBook, Charge
from entrepot.policy.limits import Ceiling, LimitBook

WhenUnreachable = Literal["refuse", "serve"]
RECALL_S = 0.25
"""How long a limit without a queue is waited for: what another process has leased and does not use comes back by then."""


class Admission:
    """Lets exchanges in. `open_` holds what is reserved and not settled, by the id of its exchange."""

    def __init__(
        self,
        book: BudgetBook,
        limits: LimitBook,
        leases: Leases,
        journal: Journal,
        open_: dict[str, Reserved],
        when_unreachable: WhenUnreachable = "refuse",
    ) -> None:
        self._book = book
        self._limits = limits
        self.leases = leases
        self.journal = journal
        self.open = open_
        self._when_unreachable = when_unreachable

    def adopt(self, book: BudgetBook, limits: LimitBook) -> None:
        """Hold exchanges to these from now on; what was let in is settled as it was. May be called from any thread."""
        self._book, self._limits = book, limits

    @property
    def trouble(self) -> str | None:
        """What keeps the counters from being used, and what is done about it."""
        trouble = self.leases.trouble
        if trouble is None:
            return None
        done = "serving from the leases in hand" if self._when_unreachable == "serve" else "refusing"
        return f"{trouble} ({done})"

    def holds_for(self, plan: Plan) -> tuple[tuple[Charge, ...], tuple[Ceiling, ...]]:
        """The accounts that an exchange is charged to, and the limits that hold for it as a whole."""
        return (
            self._book.charges(plan.principal, plan.route, plan.started_ns / 1_000_000_000),
            self._limits.of_caller(plan.principal, plan.route),
        )

    @property
    def limits_targets(self) -> bool:
        """Whether any model or deployment is limited."""
        return self._limits.has_targets

    async def take(self, claims: Sequence[Claim], *, first: bool = False, party: str = "") -> None:
        """Take claims, waiting where that is allowed. Raises BudgetExceeded, RateLimited or CountersUnreachable."""
        leases = self.leases
        troubled = leases.may_take and leases.trouble is not None
        if troubled and self._when_unreachable == "refuse":
            raise CountersUnreachable(leases.trouble or "")
        if leases.try_take(claims, first=first):
            return
        if troubled:
            self._take_blindly(claims)
            return
        try:
            await leases.take(claims, first=first, party=party, weight=self._limits.weight_of(party))
        except NotGranted as error:
            raise refuse(error) from None

    def try_take(self, claims: Sequence[Claim], *, first: bool = False) -> bool:
        """Take claims if that needs no waiting."""
        if self._when_unreachable == "refuse" and self.leases.trouble is not None:
            return False
        return self.leases.try_take(claims, first=first)

    def _take_blindly(self, claims: Sequence[Claim]) -> None:
        """The counters are gone and the operator wants to go on: money only out of leases in hand, the rest uncounted."""
        if any(claim.purse.kind == "money" and not claim.purse.has(claim.need) for claim in claims):
            raise CountersUnreachable(self.leases.trouble or "")
        second = self.leases.second()
        for claim in claims:
            claim.purse.take(claim.need, second)

    def claim(self, ceiling: Ceiling, need: int) -> Claim:
        """A claim on a measure of a limit. More than the whole limit can be had is had when nothing else is used."""
        kind: Literal["slots", "window"] = "slots" if ceiling.measure == "concurrent" else "window"
        purse = self.leases.purse(ceiling.account, kind, ceiling.amount)
        limits = ceiling.limits
        wait_s = limits.queue_s if limits.queue_s and purse.waiting < limits.queue_length else RECALL_S
        return Claim(purse, min(need, ceiling.amount), wait_s, ceiling)

    def target_claims(self, candidate: Candidate, tokens: int) -> list[Claim]:
        """What an attempt at this candidate has to take of the limits of its model and deployment."""
        deployment = candidate.deployment
        return [
            self.claim(ceiling, tokens if ceiling.measure == "tokens" else 1)
            for ceiling in self._limits.of_target(deployment.model, deployment.id)
        ]

    def money_claims(self, charges: Sequence[Charge], nano_usd: int) -> list[Claim]:
        """What has to be taken of budgets; a soft one gives whatever is asked."""
        return [
            Claim(
                self.leases.purse(charge.account, "money", charge.amount_nano_usd),
                nano_usd,
                charge.budget.wait_s,
                charge,
            )
            for charge in charges
        ]

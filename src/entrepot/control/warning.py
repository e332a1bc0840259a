"""Budgets as they stand, and warnings once a share of one is spent.

Rules of this file: of each share of each account (so of each period) it is warned once, whoever counts. What is leased is not
spent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.catalog.pricing import format_usd
from entrepot.control.webhooks import Outbox
from entrepot.ledger.counters import AccountState, Counters
from entrepot.policy.budgets import Budget, BudgetBook, account_name, parse_account

log = logging.getLogger("entrepot.budgets")


class BudgetState(msgspec.Struct, frozen=True):
    """One account of a budget in the period that is running: whole nano-dollars. `scope` is empty for that of everybody.

    `reserved_nano_usd` is what processes hold for requests under way, or have taken in advance for the next ones.
    """

    budget: str
    scope: str
    period: str
    kind: str
    amount_nano_usd: int
    spent_nano_usd: int
    reserved_nano_usd: int
    ends_s: float | None

    @property
    def left_nano_usd(self) -> int:
        """What is neither spent nor reserved; less than nothing where a soft budget is overrun."""
        return self.amount_nano_usd - self.spent_nano_usd - self.reserved_nano_usd


def budget_states(book: BudgetBook, states: Iterable[AccountState], now_s: float) -> list[BudgetState]:
    """Every budget as it stands, with an account of its own for each key, team or route that has spent anything."""
    by_account = {state.account: state for state in states}
    found: list[BudgetState] = []
    for budget in book.budgets:
        span = book.span(budget, now_s)
        scopes = {
            parsed[1]
            for account in by_account
            if (parsed := parse_account(account)) is not None and (parsed[0], parsed[2]) == (budget.name, span.label)
        }
        if "*" not in (budget.key, budget.team, budget.route):
            scopes.add("")
        for scope in sorted(scopes):
            account = account_name(budget, scope, span)
            state = by_account.get(account, AccountState(account, 0, 0))
            found.append(
                BudgetState(
                    budget.name,
                    scope,
                    span.label,
                    budget.kind,
                    budget.amount_nano_usd,
                    state.used,
                    state.leased if budget.kind == "hard" else 0,
                    span.ends_s,
                )
            )
    return found


class Warner:
    """Warns in the log and by webhook. `read` resolves a reference to an address. Raises CountersUnreachable."""

    def __init__(self, counters: Counters, outbox: Outbox, read: Callable[[str], str]) -> None:
        self._counters = counters
        self._outbox = outbox
        self._read = read
        self._told: set[str] = set()

    def run_once(self, book: BudgetBook, now_s: float) -> None:
        """Warn of every share that was passed since."""
        budgets: Mapping[str, Budget] = {budget.name: budget for budget in book.budgets}
        for state in budget_states(book, self._counters.states(now_s), now_s):
            budget = budgets[state.budget]
            for share in self._passed(budget.warn_at, state):
                mark = "\t".join(("warned", state.budget, state.scope, state.period, f"{share:g}"))
                if mark not in self._told:
                    if self._counters.note_once(mark):
                        self._warn(budget, state, share, now_s)
                    self._told.add(mark)
        self._outbox.run_once(now_s)

    @staticmethod
    def _passed(shares: Sequence[float], state: BudgetState) -> list[float]:
        return [share for share in sorted(shares) if state.spent_nano_usd >= share * state.amount_nano_usd]

    def _warn(self, budget: Budget, state: BudgetState, share: float, now_s: float) -> None:
        body = warning_body(state, share, now_s)
        log.warning(
            "budget '%s' %s (%s): %s of %s USD are spent",
            state.budget,
            state.scope,
            state.period,
            body["spent_usd"],
            body["amount_usd"],
        )
        if budget.webhook is not None:
            url = budget.webhook if "://" in budget.webhook else self._read(budget.webhook)
            self._outbox.put(url, body)


def warning_body(state: BudgetState, share: float, now_s: float) -> dict[str, Any]:
    """What a webhook is sent. `id` is the same for the same warning, should it be sent twice."""
    return {
        "type": "budget.warning",
        "id": "/".join((state.budget, state.scope, state.period, f"{share:g}")),
        "budget": state.budget,
        "scope": state.scope,
        "period": state.period,
        "kind": state.kind,
        "share": share,
        "amount_usd": format_usd(state.amount_nano_usd, 9),
        "spent_usd": format_usd(state.spent_nano_usd, 9),
        "at": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
    }

"""Budgets: what may be spent, by whom, in which period; and to which accounts one exchange is charged.

Rules of this file: pure; the zone of a budget is handed in as a `tzinfo`. Money is whole nano-dollars. A budget is one
account a period, or one for each key, team or route where it is for `*`. A team's budget is its child teams' too. Where
several budgets apply, all of them do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from entrepot.catalog.pricing import NANO_PER_UNIT
from entrepot.policy.rules import Principal
from entrepot.policy.teams import teams_above

Period = Literal["day", "week", "month", "once"]
BudgetKind = Literal["hard", "soft"]
EACH = "*"
DEFAULT_WARN_AT = (0.8, 0.95)
MOST_USD = 9_000_000
"""What fits the ledger's sums, with a margin."""


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount in dollars for a period, of everybody or of one key, team and route (all that are given must match).

    `*` gives each key, team or route a budget of its own. `hard`: it cannot be overrun; a request that does not fit waits up to
    `wait_s` for others to be settled, then is refused. `soft`: it is counted, and warned of. `warn_at` are shares of the
    amount; `webhook` is an address, or where it is found (`env:NAME`, `file:PATH`).
    """

    name: str
    amount_usd: Decimal
    period: Period = "month"
    kind: BudgetKind = "hard"
    key: str | None = None
    team: str | None = None
    route: str | None = None
    timezone: str = "UTC"
    warn_at: tuple[float, ...] = DEFAULT_WARN_AT
    webhook: str | None = None
    wait_s: float = 10.0

    @property
    def identity(self) -> str:
        """What decides which accounts it has: with another identity it has counted other things."""
        return "\t".join(str(part) for part in (self.name, self.period, self.key, self.team, self.route, self.timezone))

    @property
    def amount_nano_usd(self) -> int:
        """The amount in whole nano-dollars."""
        return int(self.amount_usd * NANO_PER_UNIT)


class Span(NamedTuple):
    """A period's name and its bounds in Unix seconds, the end not included; None: it has none."""

    label: str
    starts_s: float | None
    ends_s: float | None


ONCE = Span("once", None, None)
_REMEMBERED = 4096


class Charge(NamedTuple):
    """An account that an exchange is charged to. `amount_nano_usd` is what it may not go over, None where it may."""

    account: str
    budget: Budget
    span: Span
    amount_nano_usd: int | None


class _Charged(NamedTuple):
    """What somebody is charged to from one moment until another (Unix seconds), the second not included."""

    since_s: float
    until_s: float
    charges: tuple[Charge, ...]

    def holds(self, at_s: float) -> bool:
        return self.since_s <= at_s < self.until_s


def check_budget(budget: Budget) -> list[tuple[str, str]]:
    """What cannot be meant in a budget, as pairs of field and sentence; empty where nothing is wrong."""
    wrong: list[tuple[str, str]] = []
    if not budget.name or "\n" in budget.name or "\t" in budget.name or len(budget.name) > 100:
        wrong.append(("name", "a name is one line of 1 to 100 characters"))
    amount = budget.amount_usd
    if not amount.is_finite() or not 0 < amount <= MOST_USD:
        wrong.append(("amount_usd", f"must be more than 0 and at most {MOST_USD}"))
    elif amount * NANO_PER_UNIT % 1:
        wrong.append(("amount_usd", "has more than nine decimals: the ledger counts billionths of a dollar"))
    if any(not 0 < share <= 1 for share in budget.warn_at):
        wrong.append(("warn_at", "shares are more than 0 and at most 1: 0.8 warns at 80 %"))
    if not 0 <= budget.wait_s <= 300:
        wrong.append(("wait_s", "is from 0 to 300 seconds"))
    for field in ("key", "team", "route"):
        if getattr(budget, field) == "":
            wrong.append((field, "must not be empty; '*' is each of them, and leaving it out is all of them together"))
    return wrong


def span_of(period: Period, at_s: float, zone: tzinfo = UTC) -> Span:
    """The period that the moment (Unix seconds) falls into, on the clock of `zone`. Weeks begin on Monday (ISO 8601)."""
    if period == "once":
        return ONCE
    midnight = datetime.fromtimestamp(at_s, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "day":
        return _span(midnight.date().isoformat(), midnight, midnight + timedelta(days=1))
    if period == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        year, week, _ = monday.isocalendar()
        return _span(f"{year}-W{week:02d}", monday, monday + timedelta(days=7))
    first = midnight.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return _span(f"{first.year:04d}-{first.month:02d}", first, following)


def _span(label: str, start: datetime, end: datetime) -> Span:
    """Midnights of one zone: adding days to an aware datetime moves its clock's hands, whatever summer time does."""
    return Span(label, start.timestamp(), end.timestamp())


def _holds(span: Span, at_s: float) -> bool:
    return span.starts_s is None or span.ends_s is None or span.starts_s <= at_s < span.ends_s


class BudgetBook:
    """All budgets of an installation, ready to be asked which of them an exchange is charged to.

    `parents` says of each team which it is part of. `zone_of` gives a time zone by its name.
    """

    def __init__(
        self, budgets: Sequence[Budget], zone_of: Callable[[str], tzinfo], parents: Mapping[str, str] | None = None
    ) -> None:
        self.budgets = tuple(budgets)
        self._zones = {budget.name: zone_of(budget.timezone) for budget in budgets}
        self._parents = dict(parents or {})
        self._spans: dict[str, Span] = {}
        self._charges: dict[tuple[str | None, str | None, str | None], _Charged] = {}

    def charges(self, principal: Principal, route: str | None, at_s: float) -> tuple[Charge, ...]:
        """The accounts that an exchange of this principal through this route is charged to, at a moment (Unix seconds)."""
        if not self.budgets:
            return ()
        who = principal.key, principal.team, route
        known = self._charges.get(who)
        if known is None or not known.holds(at_s):
            if len(self._charges) >= _REMEMBERED:
                self._charges.clear()
            known = self._charges[who] = self._charged(*who, at_s)
        return known.charges

    def _charged(self, key: str | None, team: str | None, route: str | None, at_s: float) -> _Charged:
        line = self.line_of(team)
        spans = [(budget, self.span(budget, at_s)) for budget in self.budgets]
        return _Charged(
            max((span.starts_s for _, span in spans if span.starts_s is not None), default=-math.inf),
            min((span.ends_s for _, span in spans if span.ends_s is not None), default=math.inf),
            tuple(
                Charge(
                    account_name(budget, scope, span),
                    budget,
                    span,
                    budget.amount_nano_usd if budget.kind == "hard" else None,
                )
                for budget, span in spans
                for scope in scopes_of(budget, key, line, route)
            ),
        )

    def span(self, budget: Budget, at_s: float) -> Span:
        """The period of a budget of this book at a moment (Unix seconds)."""
        span = self._spans.get(budget.name)
        if span is None or not _holds(span, at_s):
            span = self._spans[budget.name] = span_of(budget.period, at_s, self._zones[budget.name])
        return span

    def line_of(self, team: str | None) -> tuple[str, ...]:
        """A team and all that it is part of, from the inside out."""
        return () if team is None else (team, *teams_above(team, self._parents))


def scopes_of(budget: Budget, key: str | None, teams: Sequence[str], route: str | None) -> list[str]:
    """What of `budget` an exchange falls into: nothing, its one account (""), or one for each `*`."""
    named: list[list[str]] = []
    for field, wanted, have in (
        ("key", budget.key, (key,)),
        ("team", budget.team, teams),
        ("route", budget.route, (route,)),
    ):
        if wanted is None:
            continue
        present = [one for one in have if one is not None]
        if wanted == EACH:
            named.append([f"{field}={one}" for one in present])
        elif wanted in present:
            named.append([""])
        else:
            return []
    scopes = [""]
    for choices in named:
        scopes = [",".join(filter(None, (scope, choice))) for scope in scopes for choice in choices]
    return scopes


def account_name(budget: Budget, scope: str, span: Span) -> str:
    """The account's name in the shared counters: one line, different for different budgets, scopes and periods."""
    return "\t".join(("budget", budget.name, scope, span.label))


def parse_account(account: str) -> tuple[str, str, str] | None:
    """The budget's name, the scope and the period's label of an account; None for one that is no budget's."""
    parts = account.split("\t")
    return (parts[1], parts[2], parts[3]) if len(parts) == 4 and parts[0] == "budget" else None

"""The shapes of entrepot.toml for what is counted: budgets, limits, and where they are counted."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1)]
AtLeastOne = Annotated[int, Meta(gt=0)]


class BudgetTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent in a period: by everybody, or by one key, team and route; "*" gives each of them a budget of its own."""

    name: Annotated[Name, Meta(description="What errors and reports call it.")]
    amount_usd: Annotated[Decimal, Meta(description="How much, in dollars.")]
    period: Annotated[Literal["day", "week", "month", "once"], Meta(description="When it begins anew.")] = "month"
    kind: Annotated[
        Literal["hard", "soft"], Meta(description="hard: it cannot be overrun; soft: it is counted and warned of.")
    ] = "hard"
    key: Annotated[Name | None, Meta(description='The key that it is for; "*": each.')] = None
    team: Annotated[Name | None, Meta(description='The team that it is for; "*": each.')] = None
    route: Annotated[Name | None, Meta(description='The route that it is for; "*": each.')] = None
    timezone: Annotated[Name, Meta(description="Whose midnight begins a period, such as Asia/Shanghai.")] = "UTC"
    warn_at: Annotated[tuple[float, ...], Meta(description="Shares of the amount at which to warn.")] = (0.8, 0.95)
    webhook: Annotated[Name | None, Meta(description="Where warnings are sent: an address, env:NAME or file:PATH.")] = (
        None
    )
    wait_s: Annotated[
        float, Meta(ge=0, le=300, description="How long a request that does not fit waits for others to be settled.")
    ] = 10.0


class LimitsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much in a minute and at once."""

    requests_per_minute: Annotated[AtLeastOne | None, Meta(description="Requests in any sixty seconds.")] = None
    tokens_per_minute: Annotated[AtLeastOne | None, Meta(description="Tokens read and written in sixty seconds.")] = (
        None
    )
    concurrent: Annotated[AtLeastOne | None, Meta(description="Requests at the same time.")] = None
    queue_s: Annotated[
        float, Meta(ge=0, le=300, description="How long a request may wait for its turn; 0: it is refused.")
    ] = 0.0
    queue_length: Annotated[int, Meta(ge=1, description="How many may wait in one process.")] = 100


class LimitTable(LimitsTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of one key, team, route, model or deployment; "*": of each."""

    name: Annotated[Name, Meta(description="What it is called.")]
    key: Annotated[Name | None, Meta(description='The key that it is for; "*": each.')] = None
    team: Annotated[Name | None, Meta(description='The team that it is for; "*": each.')] = None
    route: Annotated[Name | None, Meta(description='The route that it is for; "*": each.')] = None
    model: Annotated[Name | None, Meta(description='The model that it is for; "*": each.')] = None
    deployment: Annotated[Name | None, Meta(description='The deployment that it is for; "*": each.')] = None


class CountersTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where limits and budgets are counted."""

    redis: Annotated[
        Name | None, Meta(description="The Redis or Valkey of many machines: redis://…, env:NAME or file:PATH.")
    ] = None
    when_unreachable: Annotated[
        Literal["refuse", "serve"], Meta(description="Without counters: refuse, or serve from the leases in hand.")
    ] = "refuse"
    ledgers: Annotated[
        int, Meta(ge=1, description="How many ledgers hold what is spent: one for each machine that shares the Redis.")
    ] = 1
    webhooks_inside: Annotated[
        bool, Meta(description="Whether warnings may be sent to addresses of this machine and its network.")
    ] = False

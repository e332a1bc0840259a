"""[[budgets]], [[limits]], [counters] and the limits of deployments, resolved and checked.

Rules of this file: a budget or limit of somebody whom nobody knows would hold nobody, so it is an error. What only the
documents of the admin API could name is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.exchange.plan import Route
from entrepot.policy.budgets import EACH, Budget, check_budget
from entrepot.policy.limits import Limit, Limits, check_limit, check_limits
from entrepot.settings.address import check_webhook
from entrepot.settings.file import BudgetTable, CountersTable, DeploymentTable, KeyTable, LimitsTable, LimitTable
from entrepot.settings.lines import Path as Place
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import CountersSettings
from entrepot.settings.secret import anchor_reference, check_reference

_LACKS = {
    "key": "[[keys]] has no",
    "team": "no key is of team",
    "route": "there is no route",
    "model": "no deployment is of model",
    "deployment": "there is no deployment",
}


def known_names(
    keys: Iterable[KeyTable], teams: Iterable[str], routes: Sequence[Route], deployments: Sequence[Deployment]
) -> dict[str, set[str]]:
    """What budgets and limits may name."""
    keys = tuple(keys)
    return {
        "key": {key.name for key in keys},
        "team": {*(key.team for key in keys if key.team), *teams},
        "route": {route.name for route in routes},
        "model": {one.model for one in deployments},
        "deployment": {one.id for one in deployments},
    }


def resolve_budgets(
    tables: Sequence[BudgetTable], known: Mapping[str, Set[str]], directory: Path, problems: Problems
) -> tuple[Budget, ...]:
    """The budgets that the tables mean."""
    budgets: list[Budget] = []
    names: dict[str, int] = {}
    for index, table in enumerate(tables):
        place: Place = ("budgets", index)
        budget = Budget(**msgspec.structs.asdict(table))
        for field, wrong in check_budget(budget):
            problems.add((*place, field), wrong)
        _check_name(budget.name, names, place, "budgets", problems)
        names.setdefault(budget.name, index)
        _check_scopes(budget, ("key", "team", "route"), known, place, problems)
        if not is_zone(budget.timezone):
            problems.add((*place, "timezone"), f"{quote(budget.timezone)} is no time zone known here; UTC always is")
        if budget.webhook is not None:
            wrong_address = check_address(budget.webhook, ("https://", "http://"))
            if wrong_address is None and "://" in budget.webhook:
                wrong_address = check_webhook(budget.webhook)
            if wrong_address:
                problems.add((*place, "webhook"), wrong_address)
            budget = msgspec.structs.replace(budget, webhook=anchored(budget.webhook, directory))
        budgets.append(budget)
    return tuple(budgets)


def resolve_limits(
    tables: Sequence[LimitTable], known: Mapping[str, Set[str]], problems: Problems
) -> tuple[Limit, ...]:
    """The limits that the tables mean."""
    limits: list[Limit] = []
    names: dict[str, int] = {}
    for index, table in enumerate(tables):
        place: Place = ("limits", index)
        limit = Limit(table.name, _limits(table), table.key, table.team, table.route, table.model, table.deployment)
        for field, wrong in check_limit(limit):
            problems.add((*place, field.removeprefix("limits.")), wrong)
        _check_name(limit.name, names, place, "limits", problems)
        names.setdefault(limit.name, index)
        _check_scopes(limit, ("key", "team", "route", "model", "deployment"), known, place, problems)
        limits.append(limit)
    return tuple(limits)


def resolve_deployment_limits(tables: Sequence[DeploymentTable], problems: Problems) -> dict[str, Limits]:
    """The limits of each deployment that has any, by its id."""
    found: dict[str, Limits] = {}
    for index, table in enumerate(tables):
        if table.limits is None:
            continue
        limits = _limits(table.limits)
        for field, wrong in check_limits(limits):
            problems.add(("deployments", index, "limits", field), wrong)
        found[table.id or f"{table.provider}/{table.model}"] = limits
    return found


def resolve_counters(table: CountersTable, directory: Path, problems: Problems) -> CountersSettings:
    """Where to count."""
    redis = table.redis
    if redis is not None:
        wrong = check_address(redis, ("redis://", "rediss://", "unix://"))
        if wrong:
            problems.add(("counters", "redis"), wrong)
        elif "@" in redis.partition("://")[2]:
            problems.add(("counters", "redis"), "holds a password: " + _elsewhere("the whole address"))
        redis = anchored(redis, directory)
    return CountersSettings(redis, table.when_unreachable, table.ledgers, table.webhooks_inside)


def is_zone(name: str) -> bool:
    """Whether it is a time zone that this machine knows."""
    if name == "UTC":
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def check_address(text: str, schemes: tuple[str, ...]) -> str | None:
    """What is wrong with an address, or the reference to one; it may hold a secret, and is not repeated."""
    if text.startswith(schemes) or check_reference(text) is None:
        return None
    return f"is an address that begins with {' or '.join(schemes)}, or where it is found: env:NAME or file:PATH"


def anchored(text: str, directory: Path) -> str:
    """An address as it is; a reference with its path made absolute."""
    return text if "://" in text else anchor_reference(text, directory)


def _elsewhere(what: str) -> str:
    return f"keep {what} in the environment or a file, and write env:NAME or file:PATH here"


def _limits(table: LimitsTable) -> Limits:
    return Limits(
        table.requests_per_minute, table.tokens_per_minute, table.concurrent, table.queue_s, table.queue_length
    )


def _check_name(name: str, names: Mapping[str, int], place: Place, what: str, problems: Problems) -> None:
    if name in names:
        problems.add((*place, "name"), f"'{name}' is already the name of {what}[{names[name]}]")
    elif "\t" in name or "\n" in name:
        problems.add((*place, "name"), "must be one line, without tabs")


def _check_scopes(
    one: Budget | Limit, fields: Sequence[str], known: Mapping[str, Set[str]], place: Place, problems: Problems
) -> None:
    for field in fields:
        name = getattr(one, field)
        if name is not None and name != EACH and name not in known[field]:
            hint = did_you_mean(name, known[field])
            problems.add((*place, field), f"{_LACKS[field]} {quote(name)}{hint}")

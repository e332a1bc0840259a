"""What is found out of answers, and [[verdicts]], checked and resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.exchange.embedding import embeds
from entrepot.exchange.outcome_plan import Judging, OutcomePlan, SampledCheck
from entrepot.exchange.plan import Route
from entrepot.policy.budgets import Budget
from entrepot.routing.validator import Validator
from entrepot.settings.file import BudgetTable
from entrepot.settings.lines import Path as Place
from entrepot.settings.naming import named
from entrepot.settings.outcome_tables import JudgesTable, JudgingTable, OutcomesTable, VerdictTable
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import VerdictSettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.strategy import resolve_check


def resolve_outcomes(
    table: OutcomesTable | None,
    deployments: Sequence[Deployment],
    path: Place,
    folder: str,
    problems: Problems,
) -> OutcomePlan:
    """What is found out of the answers of a route. `folder` is where the settings file lies."""
    if table is None:
        return OutcomePlan()
    checks: dict[str, SampledCheck] = {}
    for index, one in enumerate(table.checks):
        place = (*path, "checks", index)
        if one.name in checks:
            problems.add((*place, "name"), f"'{one.name}' is the name of another check of this route")
        told = {name: getattr(one, name) for name in Validator.__struct_fields__}
        check = resolve_check(Validator(**told), place, folder, problems)
        checks[one.name] = SampledCheck(one.name, check, one.share)
    judging = None if table.judges is None else _judging(table.judges, deployments, (*path, "judges"), problems)
    return OutcomePlan(table.signs, tuple(checks.values()), judging)


def _judging(table: JudgingTable, deployments: Sequence[Deployment], path: Place, problems: Problems) -> Judging:
    jury: list[str] = []
    for index, name in enumerate(table.jury):
        found = named(name, (*path, "jury", index), deployments, problems)
        if found is not None and found.id in jury:
            problems.add((*path, "jury", index), f"{quote(name)} is in the jury already")
        elif found is not None and embeds(found):
            problems.add((*path, "jury", index), f"{found.id} makes embeddings, and does not answer")
        elif found is not None:
            jury.append(found.id)
    return Judging(table.share, tuple(jury), table.rubric)


NAME = "judges"
"""What the budget of all judging is called."""


def resolve_judges(
    table: JudgesTable, routes: Sequence[Route], budgets: Sequence[BudgetTable], problems: Problems
) -> tuple[Budget, ...]:
    """What judging may cost: a budget of the key as which judges are asked, if any route has them."""
    if not any(route.outcomes.judging for route in routes):
        return ()
    if table.usd_per_day is None or table.usd_per_day <= 0:
        problems.add(("judges", "usd_per_day"), "is missing: say what judging may cost a day, in dollars")
        return ()
    for index, own in enumerate(budgets):
        if own.name == NAME:
            problems.add(("budgets", index, "name"), f"'{NAME}' is the name of what [judges] usd_per_day sets")
    return (Budget(NAME, table.usd_per_day, "day", "hard", key=table.key),)


def resolve_verdicts(
    tables: Sequence[VerdictTable], directory: Path, problems: Problems
) -> tuple[VerdictSettings, ...]:
    """The webhooks that the tables mean."""
    found: list[VerdictSettings] = []
    names: dict[str, int] = {}
    for index, table in enumerate(tables):
        if table.name in names:
            problems.add(
                ("verdicts", index, "name"), f"'{table.name}' is already the name of verdicts[{names[table.name]}]"
            )
        names.setdefault(table.name, index)
        if wrong := check_reference(table.secret):
            problems.add(("verdicts", index, "secret"), wrong)
            continue
        secret = anchor_reference(table.secret, directory)
        found.append(VerdictSettings(**{**msgspec.structs.asdict(table), "secret": secret}))
    return tuple(found)

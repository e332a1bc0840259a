"""Who is asked beside a route's exchanges, checked and resolved; and what that may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from entrepot.catalog.schema import Deployment
from entrepot.exchange.embedding import embeds
from entrepot.exchange.outcome_plan import OutcomePlan, Shadowing
from entrepot.exchange.shadowing import SHADOW
from entrepot.policy.budgets import Budget, check_budget
from entrepot.settings.file import BudgetTable, KeyTable
from entrepot.settings.lines import Path as Place
from entrepot.settings.outcome_tables import ShadowTable
from entrepot.settings.problems import Problems, quote
from entrepot.settings.route_table import RouteTable


def resolve_shadow(
    table: ShadowTable,
    route: RouteTable,
    candidates: Sequence[Deployment],
    outcomes: OutcomePlan,
    path: Place,
    problems: Problems,
    warnings: list[str],
) -> Shadowing:
    """Who is asked beside what a route answers; `candidates` are those whom the table names."""
    for one in candidates:
        if embeds(one):
            problems.add((*path, "candidates"), f"{one.id} makes embeddings, and does not answer")
        elif one.price is None:
            told = f"the price of {one.id} is unknown, so usd_per_day cannot hold: write its price down"
            problems.add((*path, "candidates"), told)
        elif one.max_output_tokens is None and route.max_output_tokens is None:
            warnings.append(
                f"route '{route.name}' asks {one.id} beside only what names a token limit, for what another request may "
                "cost is not known: set max_output_tokens on the route or the deployment"
            )
    if table.compare == "judges" and outcomes.judging is None:
        problems.add((*path, "compare"), "needs [routes.outcomes.judges]: say who judges, or compare = 'checks'")
    if table.compare == "checks" and not outcomes.checks:
        problems.add((*path, "compare"), "needs [[routes.outcomes.checks]]: say what answers are held to")
    return Shadowing(tuple(one.id for one in candidates), table.share, table.compare)


def resolve_shadow_budgets(
    tables: Sequence[RouteTable], budgets: Sequence[BudgetTable], keys: Sequence[KeyTable], problems: Problems
) -> tuple[Budget, ...]:
    """What asking beside may cost: a budget of the key as which it is done, for each route that says so."""
    asked: Mapping[int, ShadowTable] = {
        index: table.shadow for index, table in enumerate(tables) if table.shadow is not None
    }
    found = [budget_of(tables[index].name, shadow.usd_per_day) for index, shadow in asked.items()]
    for (index, _), budget in zip(asked.items(), found, strict=True):
        for field, wrong in check_budget(budget):
            if field == "amount_usd":
                problems.add(("routes", index, "shadow", "usd_per_day"), wrong)
    names = {budget.name for budget in found}
    for place, own in enumerate(budgets):
        if own.name in names:
            problems.add(
                ("budgets", place, "name"), f"{quote(own.name)} is the name of what usd_per_day of shadow sets"
            )
    for place, key in enumerate(keys):
        if found and key.name == SHADOW:
            problems.add(("keys", place, "name"), f"'{SHADOW}' is the key of what is asked beside exchanges")
    return tuple(found)


def budget_of(route: str, usd_per_day: Decimal) -> Budget:
    """What may be spent in a day of UTC on asking beside a route's exchanges. Nobody waits for it."""
    return Budget(f"{SHADOW} {route}", usd_per_day, "day", "hard", key=SHADOW, route=route, wait_s=1.0)

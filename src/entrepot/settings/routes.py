"""[[routes]] resolved: patterns expanded, references existing, names that mean one thing only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.exchange.embedding import embeds
from entrepot.exchange.outcome_plan import OutcomePlan
from entrepot.exchange.plan import Route
from entrepot.routing.explore import Exploration
from entrepot.settings.conduct import resolve_hedge
from entrepot.settings.goals import resolve_goal
from entrepot.settings.lines import Path
from entrepot.settings.naming import named
from entrepot.settings.outcomes import resolve_outcomes
from entrepot.settings.problems import Problems, quote
from entrepot.settings.reference import choose_reference
from entrepot.settings.route_table import RouteTable
from entrepot.settings.shadows import resolve_shadow
from entrepot.settings.strategy import resolve_strategy

DEFAULT_ROUTE = RouteTable(name="auto")


def resolve_routes(
    tables: tuple[RouteTable, ...],
    deployments: Sequence[Deployment],
    catalog: Catalog,
    rates: ExchangeRates,
    problems: Problems,
    warnings: list[str],
    folder: str,
) -> tuple[Route, ...]:
    """The routes that `tables` mean; with none, one called `auto` over every deployment.

    `folder` is where the settings file lies.
    """
    routes: list[Route] = []
    names: dict[str, int] = {}
    whole = not len(problems)  # with deployments left out, a pattern without a match may be no fault of its own
    for index, table in enumerate(tables or (DEFAULT_ROUTE,)):
        path: Path = ("routes", index)
        _check_name(table.name, (*path, "name"), names, deployments, catalog, problems)
        names.setdefault(table.name, index)
        candidates = _expand(table.candidates, (*path, "candidates"), deployments, problems if whole else None)
        reference = named(table.reference, (*path, "reference"), deployments, problems if whole else None)
        baseline = named(table.baseline, (*path, "baseline"), deployments, problems if whole else None)
        goal = resolve_goal(table, candidates, path, problems, whole=whole)
        for name, one in (("reference", reference), ("baseline", baseline)):
            if one is not None and embeds(one):
                problems.add((*path, name), f"{one.id} makes embeddings, and does not answer")
        answering = [one for one in candidates if not embeds(one)]
        _check_embedding(table.name, candidates, answering, path, problems)
        if reference is None and table.reference is None and answering:
            chosen = choose_reference(answering, catalog, rates)
            reference = chosen.deployment
            warnings.append(f"route '{table.name}' names no reference; it is {reference.id}: {chosen.reason}")
        if goal.confidence is not None and reference is not None and reference not in candidates:
            told = f"'{reference.id}' takes over where nothing can be promised, and must be among the candidates"
            problems.add((*path, "reference"), told)
        routes.append(
            Route(
                name=table.name,
                candidates=tuple(candidate.id for candidate in candidates),
                goal=goal,
                reference=reference.id if reference else None,
                baseline=baseline.id if baseline else None,
                max_output_tokens=table.max_output_tokens,
                holdout=table.holdout,
                strategy=resolve_strategy(table, path, folder, problems),
                redact=table.redact,
                explore=_exploration(table, len(answering), path, problems),
                sessions=table.sessions,
                store_content=table.store_content,
                max_latency_s=table.max_latency_s,
                retries=table.retries,
                balance=table.balance,
                hedge=resolve_hedge(table, path, problems),
                outcomes=_outcomes(table, deployments, path, folder, problems, warnings, whole=whole),
            )
        )
    return tuple(routes)


def _outcomes(
    table: RouteTable,
    deployments: Sequence[Deployment],
    path: Path,
    folder: str,
    problems: Problems,
    warnings: list[str],
    *,
    whole: bool,
) -> OutcomePlan:
    outcomes = resolve_outcomes(table.outcomes, deployments, (*path, "outcomes"), folder, problems)
    if table.shadow is None:
        return outcomes
    beside = (*path, "shadow")
    asked = _expand(table.shadow.candidates, (*beside, "candidates"), deployments, problems if whole else None)
    shadow = resolve_shadow(table.shadow, table, asked, outcomes, beside, problems, warnings)
    return msgspec.structs.replace(outcomes, shadow=shadow)


def _exploration(table: RouteTable, candidates: int, path: Path, problems: Problems) -> Exploration | None:
    if table.explore is None:
        return None
    if table.goal == "shares":
        problems.add((*path, "explore"), "has no meaning with shares, which give each deployment its part already")
    if table.explore.floor * candidates > 1:
        told = f"{candidates} candidates cannot each get {table.explore.floor:g}: that is more than there is; at most"
        problems.add((*path, "explore", "floor"), f"{told} {_rounded_down(1 / candidates):g} each")
    return Exploration(**msgspec.structs.asdict(table.explore))


def _rounded_down(share: float) -> float:
    return math.floor(share * 1000) / 1000


def _check_embedding(
    name: str, candidates: Sequence[Deployment], answering: Sequence[Deployment], path: Path, problems: Problems
) -> None:
    models = dict.fromkeys(one.model for one in candidates if embeds(one))
    if len(models) > 1 and not answering:
        what = f"'{name}' stands for several embedding models ({', '.join(models)}), whose vectors cannot be compared"
        problems.add((*path, "candidates"), f"{what}: name the hosts of one model")


def _check_name(
    name: str,
    path: Path,
    names: dict[str, int],
    deployments: Sequence[Deployment],
    catalog: Catalog,
    problems: Problems,
) -> None:
    if name in names:
        problems.add(path, f"'{name}' is already the name of routes[{names[name]}]")
    elif any(name == deployment.id for deployment in deployments):
        problems.add(path, f"'{name}' is the id of a deployment; a route needs a name of its own")
    elif catalog.find_model(name) or any(name in (one.model, one.upstream_name) for one in deployments):
        problems.add(path, f"'{name}' is the name of a model; a route needs a name of its own")


def _expand(
    patterns: tuple[str, ...], path: Path, deployments: Sequence[Deployment], problems: Problems | None
) -> list[Deployment]:
    """The deployments that any pattern matches, in the order of the patterns, each once."""
    found: dict[str, Deployment] = {}
    for index, pattern in enumerate(patterns):
        matching = [one for one in deployments if one.id == pattern or fnmatchcase(one.id, pattern)]
        if not matching and problems is not None:
            known = did_you_mean(pattern, (one.id for one in deployments))
            problems.add((*path, index), f"{quote(pattern)} matches no deployment{known}")
        found.update((one.id, one) for one in matching if one.id not in found)
    return list(found.values())

"""The file's shape to the resolved Settings: joined with the catalog, defaults filled in, every reference existing.

Rules of this file: nothing is guessed in silence. What had to be chosen for the operator becomes a warning; what cannot be
right becomes a problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.shadowing import SHADOW
from entrepot.policy.budgets import Budget
from entrepot.policy.lists import expand
from entrepot.settings.budgets import (
    known_names,
    resolve_budgets,
    resolve_counters,
    resolve_deployment_limits,
    resolve_limits,
)
from entrepot.settings.conduct import resolve_circuit, resolve_conduct, resolve_probes
from entrepot.settings.content import resolve_content
from entrepot.settings.control import resolve_control
from entrepot.settings.deployments import resolve_deployments
from entrepot.settings.file import GatewayTable, RouterTable, SettingsFile
from entrepot.settings.keys import check_scopes, check_teams, resolve_keys
from entrepot.settings.learning import resolve_learning
from entrepot.settings.ledger import resolve_ledger
from entrepot.settings.networks import anchored, check_network, check_socket, resolve_listen_tls
from entrepot.settings.outcomes import resolve_judges, resolve_verdicts
from entrepot.settings.problems import Problems
from entrepot.settings.routes import resolve_routes
from entrepot.settings.rules import Known, check_rules
from entrepot.settings.schema import FreshSettings, GatewaySettings, ResponsesSettings, Settings
from entrepot.settings.sensing import known_classes, resolve_sensing
from entrepot.settings.shadows import resolve_shadow_budgets
from entrepot.settings.surroundings import Surroundings
from entrepot.settings.telemetry import resolve_log, resolve_metrics, resolve_telemetry

LEDGER_FOLDER = "entrepot-data"
_MIB = 1024 * 1024


def resolve(file: SettingsFile, around: Surroundings, problems: Problems) -> Settings:
    """The settings that `file` means; after problems were noted the value is not to be used."""
    warnings: list[str] = []
    rates = _exchange_rates(file, around.catalog, problems)
    deployments = resolve_deployments(file.deployments, around, rates, problems, warnings)
    if not file.deployments:
        problems.add((), "no [[deployments]]: name at least one, or run without a file to use what is found")
    routes = resolve_routes(file.routes, deployments, around.catalog, rates, problems, warnings, str(around.directory))
    keys, absent_keys = resolve_keys(file.keys, around, problems, warnings)
    check_scopes(file.keys, routes, deployments, problems)
    check_teams(file.teams, problems)
    named = Known(
        keys=[*(key.name for key in file.keys), file.judges.key, SHADOW],
        teams=[*(team.name for team in file.teams), *(key.team for key in file.keys if key.team)],
        routes=[route.name for route in routes],
        data_classes=known_classes(file),
        lists=file.lists,
    )
    check_rules(file.policy, named, deployments, around.catalog, problems)
    ours = _own_budgets(file, routes, problems)
    known = known_names(file.keys, [team.name for team in file.teams], routes, deployments)
    return Settings(
        gateway=_gateway(file.gateway, around.directory, problems),
        deadlines=Deadlines(**msgspec.structs.asdict(file.timeouts)),
        conduct=resolve_conduct(file, deployments),
        circuit=resolve_circuit(file.circuit, problems),
        hedge_share=file.retries.hedge_share,
        probes=resolve_probes(file, deployments),
        ledger=resolve_ledger(
            file.ledger,
            anchored(file.ledger.directory or LEDGER_FOLDER, around.directory),
            around.directory,
            problems,
        ),
        deployments=deployments,
        routes=routes,
        keys=keys,
        rules=tuple(expand(rule, file.lists) for rule in file.policy),
        lists=file.lists,
        sensing=resolve_sensing(file, problems),
        teams=file.teams,
        router=_router(file.router.artifact, around.directory, problems),
        learning=resolve_learning(file.learning, around.directory, problems),
        fresh=_fresh(file.router, around.directory, problems),
        exchange_rates=rates,
        content=resolve_content(file.content, around.directory, problems),
        responses=ResponsesSettings(**msgspec.structs.asdict(file.responses)),
        budgets=(*resolve_budgets(file.budgets, known, around.directory, problems), *ours),
        limits=resolve_limits(file.limits, known, problems),
        deployment_limits=resolve_deployment_limits(file.deployments, problems),
        counters=resolve_counters(file.counters, around.directory, problems),
        source=around.source,
        warnings=tuple(warnings),
        absent_keys=absent_keys,
        control=resolve_control(file.control, around, problems),
        metrics=resolve_metrics(file.metrics, around.directory, problems),
        log=resolve_log(file.log),
        verdicts=resolve_verdicts(file.verdicts, around.directory, problems),
        judges_key=file.judges.key,
        telemetry=resolve_telemetry(file.telemetry, around.directory, problems),
    )


def _own_budgets(file: SettingsFile, routes: Sequence[Route], problems: Problems) -> tuple[Budget, ...]:
    """What judging, and what asking beside, may cost."""
    judging = resolve_judges(file.judges, routes, file.budgets, problems)
    return (*judging, *resolve_shadow_budgets(file.routes, file.budgets, file.keys, problems))


def _gateway(table: GatewayTable, directory: Path, problems: Problems) -> GatewaySettings:
    for index, network in enumerate(table.trusted_proxies):
        if wrong := check_network(network):
            problems.add(("gateway", "trusted_proxies", index), wrong)
    socket = None if table.socket is None else str(anchored(table.socket, directory))
    if socket is not None and (wrong := check_socket(socket)):
        problems.add(("gateway", "socket"), wrong)
    if table.region_header is not None and not table.trusted_proxies:
        problems.add(
            ("gateway", "region_header"),
            "would be believed of nobody: name the networks of the proxies that set it in trusted_proxies",
        )
    return GatewaySettings(
        host=table.host.removeprefix("[").removesuffix("]"),
        port=table.port,
        processes=table.processes,
        max_body_bytes=table.max_body_mb * _MIB,
        body_timeout_s=table.body_timeout_s,
        max_concurrent=table.max_concurrent,
        grace_s=table.grace_s,
        region_header=table.region_header,
        trusted_proxies=table.trusted_proxies,
        socket=socket,
        tls=resolve_listen_tls(table.tls, directory, ("gateway", "tls"), problems),
    )


def _exchange_rates(file: SettingsFile, catalog: Catalog, problems: Problems) -> ExchangeRates:
    own = file.exchange_rates
    if own is None:
        return catalog.exchange_rates
    if own.usd_per_cny <= 0:
        problems.add(("exchange_rates", "usd_per_cny"), "must be more than 0")
        return catalog.exchange_rates
    return ExchangeRates(usd_per_cny=own.usd_per_cny, as_of=own.as_of.isoformat(), source=own.source)


def _router(artifact: str | None, directory: Path, problems: Problems) -> str | None:
    if artifact is None:
        return None
    path = anchored(artifact, directory)
    if not path.is_file():
        problems.add(("router", "artifact"), f"there is no file {path}; entrepot train writes one")
    return str(path)


def _fresh(table: RouterTable, directory: Path, problems: Problems) -> FreshSettings:
    if bool(table.outcomes) != bool(table.prompts):
        given, missing = ("outcomes", "prompts") if table.outcomes else ("prompts", "outcomes")
        problems.add(("router", given), f"needs '{missing}' beside it: an outcome is nothing without its prompt")
    outcomes, prompts = (
        tuple(str(anchored(one, directory)) for one in patterns) for patterns in (table.outcomes, table.prompts)
    )
    return FreshSettings(outcomes, prompts, table.last)

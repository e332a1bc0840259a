"""The file's shape to the resolved Settings: joined with the catalog, defaults filled in, every reference existing.

Rules of this file: nothing is guessed in silence. What had to be chosen for the operator becomes a warning; what cannot be
right becomes a problem.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import ExchangeRates
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Deadlines
from entrepot.settings.client_key import digest
from entrepot.settings.deployments import resolve_deployments
from entrepot.settings.file import GatewayTable, KeyTable, RouterTable, SettingsFile
from entrepot.settings.problems import Problems
from entrepot.settings.routes import resolve_routes
from entrepot.settings.rules import check_rules
from entrepot.settings.schema import (
    FreshSettings,
    GatewaySettings,
    KeySettings,
    LedgerSettings,
    ResponsesSettings,
    Settings,
)
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.surroundings import Surroundings
from entrepot.upstream.credentials import Credentials

LEDGER_FOLDER = "entrepot-data"
_MIB = 1024 * 1024


def resolve(file: SettingsFile, around: Surroundings, problems: Problems) -> Settings:
    """The settings that `file` means; after problems were noted the value is not to be used."""
    warnings: list[str] = []
    rates = _exchange_rates(file, around.catalog, problems)
    deployments = resolve_deployments(file.deployments, around, rates, problems, warnings)
    if not file.deployments:
        problems.add((), "no [[deployments]]: name at least one, or run without a file to use what is found")
    routes = resolve_routes(file.routes, deployments, around.catalog, rates, problems, warnings)
    keys, absent_keys = _keys(file.keys, around, problems, warnings)
    check_rules(file.policy, file.keys, deployments, around.catalog, problems)
    return Settings(
        gateway=_gateway(file.gateway),
        deadlines=Deadlines(**msgspec.structs.asdict(file.timeouts)),
        ledger=LedgerSettings(str(_anchored(file.ledger.directory or LEDGER_FOLDER, around.directory))),
        deployments=deployments,
        routes=routes,
        keys=keys,
        rules=file.policy,
        router=_router(file.router.artifact, around.directory, problems),
        fresh=_fresh(file.router, around.directory, problems),
        exchange_rates=rates,
        responses=ResponsesSettings(**msgspec.structs.asdict(file.responses)),
        source=around.source,
        warnings=tuple(warnings),
        absent_keys=absent_keys,
    )


def _gateway(table: GatewayTable) -> GatewaySettings:
    return GatewaySettings(
        host=table.host,
        port=table.port,
        processes=table.processes,
        max_body_bytes=table.max_body_mb * _MIB,
        body_timeout_s=table.body_timeout_s,
        grace_s=table.grace_s,
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
    path = _anchored(artifact, directory)
    if not path.is_file():
        problems.add(("router", "artifact"), f"there is no file {path}; entrepot train writes one")
    return str(path)


def _fresh(table: RouterTable, directory: Path, problems: Problems) -> FreshSettings:
    if bool(table.outcomes) != bool(table.prompts):
        given, missing = ("outcomes", "prompts") if table.outcomes else ("prompts", "outcomes")
        problems.add(("router", given), f"needs '{missing}' beside it: an outcome is nothing without its prompt")
    outcomes, prompts = (
        tuple(str(_anchored(one, directory)) for one in patterns) for patterns in (table.outcomes, table.prompts)
    )
    return FreshSettings(outcomes, prompts, table.last)


def _keys(
    tables: tuple[KeyTable, ...], around: Surroundings, problems: Problems, warnings: list[str]
) -> tuple[tuple[KeySettings, ...], tuple[str, ...]]:
    """The keys that let somebody in, and the names of those whose secret is not there."""
    keys: list[KeySettings] = []
    absent: list[str] = []
    names: dict[str, int] = {}
    digests: dict[str, str] = {}
    for index, table in enumerate(tables):
        if table.name in names:
            problems.add(("keys", index, "name"), f"'{table.name}' is already the name of keys[{names[table.name]}]")
        names.setdefault(table.name, index)
        if not _is_one_of_two(table, index, problems):
            continue
        sha256 = table.sha256 or _digest(table, around, warnings)
        if sha256 is None:
            absent.append(table.name)
            continue
        if sha256 in digests:
            problems.add(("keys", index), f"the same key as '{digests[sha256]}'; one key has one name")
        digests.setdefault(sha256, table.name)
        keys.append(KeySettings(name=table.name, sha256=sha256, team=table.team, tags=table.tags))
    return tuple(keys), tuple(absent)


def _is_one_of_two(table: KeyTable, index: int, problems: Problems) -> bool:
    """Whether the key is given as a reference or as a digest, and not both."""
    if (table.secret is None) == (table.sha256 is None):
        problems.add(
            ("keys", index), "a key has either 'secret' or 'sha256'; entrepot keys new prints a block to paste"
        )
        return False
    if table.secret is not None and (wrong := check_reference(table.secret)):
        problems.add(("keys", index, "secret"), wrong)
        return False
    return True


def _digest(table: KeyTable, around: Surroundings, warnings: list[str]) -> str | None:
    """The digest of the key that the table refers to; None, with a warning, if it is not there."""
    try:
        return digest(Credentials(around.environ).read(anchor_reference(table.secret or "", around.directory)))
    except SettingsError as error:
        warnings.append(f"client key '{table.name}' lets nobody in: {error.message}")
        return None


def _anchored(path: str, directory: Path) -> Path:
    return directory / Path(path).expanduser()

"""[retries], [circuit], [hosts] and what deployments and routes say beside them, resolved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import Conduct, Hedge
from entrepot.exchange.retrying import Retries
from entrepot.settings.failing_tables import CircuitTable, HedgeTable
from entrepot.settings.file import DeploymentTable, SettingsFile
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems
from entrepot.settings.route_table import RouteTable
from entrepot.settings.schema import ProbeKind


def resolve_conduct(file: SettingsFile, deployments: Sequence[Deployment]) -> Conduct:
    """How calls are conducted. `deployments` are those of the file, in its order."""
    table = file.retries
    retries = Retries(
        most=table.most,
        share=table.share,
        first_pause_s=table.first_pause_s,
        longest_pause_s=table.longest_pause_s,
        each={one.id: said.retries for said, one in _pairs(file, deployments) if said.retries is not None},
    )
    weights = {one.id: said.weight for said, one in _pairs(file, deployments) if said.weight != 1.0}
    return Conduct(retries, file.hosts.balance, weights)


def resolve_circuit(table: CircuitTable, problems: Problems) -> CircuitSettings:
    """When circuits open and close."""
    if table.longest_open_s < table.open_s:
        problems.add(("circuit", "longest_open_s"), f"is shorter than open_s, which is {table.open_s:g}")
    return CircuitSettings(**msgspec.structs.asdict(table))


def resolve_probes(file: SettingsFile, deployments: Sequence[Deployment]) -> dict[str, ProbeKind]:
    """How those are probed that say how, by id."""
    return {one.id: said.probe for said, one in _pairs(file, deployments) if said.probe is not None}


def resolve_hedge(table: RouteTable, path: Path, problems: Problems) -> Hedge | None:
    """When a route asks a second candidate."""
    if table.hedge is None:
        return None
    if table.strategy != "before":
        problems.add((*path, "hedge"), 'has no meaning where several models may answer; set strategy = "before"')
    return _hedge(table.hedge, (*path, "hedge"), problems)


def _hedge(table: HedgeTable, path: Path, problems: Problems) -> Hedge:
    if table.after_s is not None and table.after_s < table.least_s:
        problems.add((*path, "after_s"), f"is shorter than least_s, which is {table.least_s:g}")
    return Hedge(table.after_s, table.least_s)


def _pairs(file: SettingsFile, deployments: Sequence[Deployment]) -> list[tuple[DeploymentTable, Deployment]]:
    """Each table with what it resolved to; nothing if any could not be resolved, for then the whole file is refused."""
    return list(zip(file.deployments, deployments, strict=True)) if len(file.deployments) == len(deployments) else []

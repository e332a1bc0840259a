"""A deployment as people name it in the settings: by its id, or by its model where only one has it."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.settings.lines import Path
from entrepot.settings.problems import Problems, quote


def named(
    name: str | None, path: Path, deployments: Sequence[Deployment], problems: Problems | None
) -> Deployment | None:
    """The deployment with this id, or the only one of this model."""
    if name is None:
        return None
    matching = [one for one in deployments if one.id == name] or [one for one in deployments if one.model == name]
    if len(matching) == 1:
        return matching[0]
    if problems is None:
        return None
    if matching:
        ids = ", ".join(one.id for one in matching)
        problems.add(path, f"{quote(name)} is the model of more than one deployment; name one of: {ids}")
    else:
        known = did_you_mean(name, [one.id for one in deployments] + [one.model for one in deployments])
        problems.add(path, f"{quote(name)} is neither the id nor the model of a deployment{known}")
    return None

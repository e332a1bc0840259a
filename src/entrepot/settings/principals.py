"""Who stands behind a key of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.policy.rules import Principal
from entrepot.policy.teams import teams_above
from entrepot.settings.schema import KeySettings


def principal_of(key: KeySettings, parents: Mapping[str, str]) -> Principal:
    """Whoever presents this key. `parents` are the teams above others (`policy.teams.parents_of`)."""
    return Principal(
        key=key.name,
        team=key.team,
        tags=frozenset(key.tags),
        parent_teams=teams_above(key.team, parents),
        scope=key.scope,
        data_classes=frozenset(key.data_classes),
        region=key.region,
    )

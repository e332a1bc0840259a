"""A rule that is made while gateways run, held to the checks of the settings file."""

from __future__ import annotations

from typing import Any

from entrepot.catalog.lookup import Catalog
from entrepot.control.objects import Snapshot
from entrepot.errors import InvalidRequest, SettingsError
from entrepot.policy.rules import Rule
from entrepot.settings.conform import conform
from entrepot.settings.file import KeyTable
from entrepot.settings.problems import Problems
from entrepot.settings.rules import check_rules
from entrepot.settings.schema import Settings


def read_rule(name: str, written: dict[str, Any], settings: Settings, snapshot: Snapshot, catalog: Catalog) -> Rule:
    """The rule that `written` says, under this name. Raises InvalidRequest with everything that is wrong with it."""
    if written.get("name", name) != name:
        raise InvalidRequest("the name in the document is another than in the path", param="name")
    problems = Problems("rule", {})
    try:
        rule = conform({**written, "name": name}, Rule, (), problems)
        problems.raise_any()
        if rule is None:  # conform notes a problem whenever it returns None
            raise InvalidRequest("this is no rule")
        keys = [
            *(KeyTable(name=key.name, team=key.team) for key in settings.keys),
            *(KeyTable(name=key.name, team=key.team) for key in snapshot.keys),
        ]
        teams = [team.name for team in (*settings.teams, *snapshot.teams)]
        check_rules([rule], keys, settings.deployments, catalog, problems, teams)
        problems.raise_any()
    except SettingsError as error:
        raise InvalidRequest(error.message.replace("policy[0]", "rule").replace("rule: rule", "rule")) from error
    return rule

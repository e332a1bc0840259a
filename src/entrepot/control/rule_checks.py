"""A rule that is made while gateways run, held to the checks of the settings file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.catalog.lookup import Catalog
from entrepot.control.objects import Snapshot, StoredKey
from entrepot.errors import InvalidRequest, OperatorError
from entrepot.exchange.sensing import Sensor
from entrepot.policy.circumstances import UNREADABLE
from entrepot.policy.numbers import load_numbers
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Rule
from entrepot.settings.conform import conform
from entrepot.settings.problems import Problems
from entrepot.settings.rules import Known, check_rules
from entrepot.settings.schema import KeySettings, Settings


def read_rule(name: str, written: dict[str, Any], settings: Settings, snapshot: Snapshot, catalog: Catalog) -> Rule:
    """The rule that `written` says, under this name.

    Raises InvalidRequest with everything that is wrong with it, also where what it looks for takes libraries that are not there.
    """
    if written.get("name", name) != name:
        raise InvalidRequest("the name in the document is another than in the path", param="name")
    problems = Problems("rule", {})
    try:
        rule = conform({**written, "name": name}, Rule, (), problems)
        problems.raise_any()
        if rule is None:  # conform notes a problem whenever it returns None
            raise InvalidRequest("this is no rule")
        keys: list[KeySettings | StoredKey] = [*settings.keys, *snapshot.keys]
        teams = [team.name for team in (*settings.teams, *snapshot.teams)]
        known = Known(
            keys=[key.name for key in keys],
            teams=[*teams, *(key.team for key in keys if key.team)],
            routes=[route.name for route in settings.routes],
            data_classes={UNREADABLE, *settings.sensing.classes, *_said_by(keys)},
            lists=settings.lists,
        )
        check_rules([rule], known, settings.deployments, catalog, problems)
        problems.raise_any()
        Sensor(settings.sensing, Rulebook([rule]).named.data_classes, {}, load_numbers)
    except OperatorError as error:
        raise InvalidRequest(error.message.replace("policy[0]", "rule").replace("rule: rule", "rule")) from error
    return rule


def _said_by(keys: Sequence[KeySettings | StoredKey]) -> set[str]:
    return {name for key in keys for name in key.data_classes}

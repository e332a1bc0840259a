"""Teams, rules and budgets over the admin API: named documents that are put, shown and deleted.

Rules of this file: a rule passes the checks that a rule of the settings file passes. Of addresses that our processes would
call, only an admin names one inside: another could reach through us what they cannot reach themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.control.asking import Ask, not_there
from entrepot.control.metering import read_budget
from entrepot.control.objects import Budget, Kind, Snapshot, StoredKey, check_name, without_secrets
from entrepot.control.outside import leads_outside
from entrepot.control.people import may
from entrepot.control.rule_checks import read_rule
from entrepot.control.store import Transaction
from entrepot.errors import Conflict, Forbidden, InvalidRequest
from entrepot.policy import budgets as policy
from entrepot.policy.rules import Rule
from entrepot.policy.teams import Team, check_weight, parents_of, runs_in_a_circle
from entrepot.settings.schema import KeySettings, Settings


class TeamBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team."""

    parent: str | None = None
    weight: float = 1.0


def list_teams(ask: Ask) -> list[dict[str, Any]]:
    """The teams of the file and of the store that are there for the person, with the team above each."""
    with ask.look() as book:
        reaches, found = ask.reach(book), book.snapshot()
    written = {team.name: (team, "file") for team in ask.installation.settings.teams}
    kept = {team.name: (team, "store") for team in found.teams}
    return [
        {"name": name, "parent": team.parent, "weight": team.weight, "kept_in": where}
        for name, (team, where) in sorted({**kept, **written}.items())
        if reaches(name)
    ]


def put_team(ask: Ask) -> dict[str, Any]:
    """Make it, or put it below another team."""
    body = ask.read(TeamBody)
    check_name(ask.name)
    _refuse_written(ask, "team", {team.name for team in ask.installation.settings.teams})
    if wrong := check_weight(body.weight):
        raise InvalidRequest(f"'weight' {wrong}", param="weight")
    with ask.change() as book:
        team = Team(ask.name, body.parent, body.weight)
        others = [one for one in book.snapshot().teams if one.name != ask.name]
        tree = (team, *ask.installation.settings.teams, *others)
        if body.parent is not None and body.parent not in {one.name for one in tree}:
            raise InvalidRequest(f"there is no team called '{body.parent[:100]}'", param="parent")
        if runs_in_a_circle(ask.name, parents_of(tree)):
            raise InvalidRequest(f"'{ask.name}' would stand above itself", param="parent")
        book.put("team", ask.name, team, "put")
    return msgspec.to_builtins(team)  # type: ignore[no-any-return]  # a struct becomes a dict


def delete_team(ask: Ask) -> dict[str, Any]:
    """Remove it from the tree. Raises Conflict while teams stand below it or keys belong to it.

    These would be rid of the rules of the teams above.
    """
    with ask.change() as book:
        found = book.snapshot()
        settings = ask.installation.settings
        below = [team.name for team in (*settings.teams, *found.teams) if team.parent == ask.name]
        keys: list[KeySettings | StoredKey] = [*settings.keys, *found.keys]
        its = [key.name for key in keys if key.team == ask.name]
        if below or its:
            raise Conflict(f"'{ask.name}' has teams or keys: {', '.join((below + its)[:5])}")
        return _delete(ask, "team", book)


def list_rules(ask: Ask) -> list[dict[str, Any]]:
    """The rules of the file and of the store: all of them hold."""
    written = ((rule, "file") for rule in ask.installation.settings.rules)
    kept = ((rule, "store") for rule in ask.installation.store.snapshot().rules)
    return [{**_told(rule), "kept_in": where} for rule, where in (*written, *kept)]


def show_rule(ask: Ask) -> dict[str, Any]:
    """One rule of the store."""
    return _told(_find(ask, "rule", Rule))


def put_rule(ask: Ask) -> dict[str, Any]:
    """Make it, or say what it says from now on."""
    check_name(ask.name)
    _refuse_written(ask, "rule", {rule.name for rule in ask.installation.settings.rules})
    written = ask.read(dict[str, Any])
    with ask.change() as book:
        rule = read_rule(ask.name, written, ask.installation.settings, book.snapshot(), ask.installation.catalog)
        book.put("rule", ask.name, rule, "put")
    return _told(rule)


def delete_rule(ask: Ask) -> dict[str, Any]:
    """It holds no longer."""
    with ask.change() as book:
        return _delete(ask, "rule", book)


def list_budgets(ask: Ask) -> list[dict[str, Any]]:
    """The budgets of the store."""
    return [{"name": one.name, **_shown(ask, one)} for one in ask.installation.store.snapshot().budgets]


def show_budget(ask: Ask) -> dict[str, Any]:
    """One of them."""
    found = _find(ask, "budget", Budget)
    return {"name": found.name, **_shown(ask, found)}


def put_budget(ask: Ask) -> dict[str, Any]:
    """Make it, or say what it says from now on."""
    check_name(ask.name)
    _refuse_written(ask, "budget", {budget.name for budget in ask.installation.settings.budgets})
    document = ask.read(dict[str, Any])
    if document.pop("name", ask.name) != ask.name:
        raise InvalidRequest("the name in the document is another than in the path", param="name")
    if not ask.person.is_admin:
        for url in _urls_in(document):
            if not leads_outside(url):
                raise Forbidden("an address inside the network is named by an admin only", code="internal_address")
    budget = read_budget(ask.name, document)
    with ask.change() as book:
        _check_whose(budget, ask.installation.settings, book.snapshot())
        book.put("budget", ask.name, Budget(ask.name, document), "put")
    return {"name": ask.name, **document}


def _shown(ask: Ask, budget: Budget) -> dict[str, Any]:
    return budget.document if may(ask.person, "change budgets") else without_secrets(budget.document)


def delete_budget(ask: Ask) -> dict[str, Any]:
    """It holds no longer."""
    with ask.change() as book:
        return _delete(ask, "budget", book)


def _check_whose(budget: policy.Budget, settings: Settings, found: Snapshot) -> None:
    """Raises InvalidRequest for a budget of somebody whom nobody knows: it would hold nobody."""
    keys: list[KeySettings | StoredKey] = [*settings.keys, *found.keys]
    known = {
        "key": {key.name for key in keys},
        "team": {*(team.name for team in (*settings.teams, *found.teams)), *(key.team for key in keys if key.team)},
        "route": {route.name for route in settings.routes},
    }
    for field, names in known.items():
        name: str | None = getattr(budget, field)
        if name is not None and name != policy.EACH and name not in names:
            hint = did_you_mean(name, names)
            raise InvalidRequest(f"there is no {field} called '{name[:100]}'{hint}", param=field)


def _told(rule: Rule) -> dict[str, Any]:
    """A rule as it is written: what it does not look at is left out."""
    told: dict[str, Any] = msgspec.to_builtins(rule)
    for part in ("when", "require", "deny", "prefer"):
        if told.get(part):
            told[part] = {name: value for name, value in told[part].items() if value not in (None, ())}
    return {name: value for name, value in told.items() if value not in (None, {}) and value is not False}


def _find(ask: Ask, kind: Kind, shape: type[Any]) -> Any:  # noqa: ANN401 - of the shape
    with ask.look() as book:
        found = book.find(shape, kind, ask.name)
    if found is None:
        raise not_there(kind, ask.name)
    return found


def _delete(ask: Ask, kind: Kind, book: Transaction) -> dict[str, Any]:
    if not book.remove(kind, ask.name):
        raise not_there(kind, ask.name)
    return {"name": ask.name, "deleted": True}


def _refuse_written(ask: Ask, what: str, names: set[str]) -> None:
    if ask.name in names:
        raise Conflict(f"the settings file has a {what} called '{ask.name}': change it there, or choose another name")


def _urls_in(value: object) -> Iterator[str]:
    """Whatever in a document has the form of an address."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _urls_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls_in(inner)
    elif isinstance(value, str) and "://" in value:
        yield value

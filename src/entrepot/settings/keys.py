"""[[keys]] and [[teams]] checked and resolved: who is let in, and as whom.

Rules of this file: the text of a key is read to be digested and is kept nowhere. A key whose secret is not there lets nobody
in, and that is said; a scope that names what does not exist is a mistake, for somebody relies on it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fnmatch import fnmatchcase

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Route
from entrepot.policy.scope import EVERYTHING, Scope
from entrepot.policy.teams import Team, check_weight, parents_of, runs_in_a_circle
from entrepot.settings.client_key import digest
from entrepot.settings.file import KeyTable
from entrepot.settings.lines import Path
from entrepot.settings.networks import check_network
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import KeySettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.surroundings import Surroundings
from entrepot.upstream.credentials import Credentials


def resolve_keys(
    tables: Sequence[KeyTable], around: Surroundings, problems: Problems, warnings: list[str]
) -> tuple[tuple[KeySettings, ...], tuple[str, ...]]:
    """The keys that let somebody in, and the names of those whose secret is not there."""
    keys: list[KeySettings] = []
    absent: list[str] = []
    names: dict[str, int] = {}
    digests: dict[str, str] = {}
    certificates: dict[str, str] = {}
    for index, table in enumerate(tables):
        if table.name in names:
            problems.add(("keys", index, "name"), f"'{table.name}' is already the name of keys[{names[table.name]}]")
        names.setdefault(table.name, index)
        if not _is_one_of_two(table, index, problems):
            continue
        _check_certificate(table, index, certificates, problems)
        sha256 = table.sha256 or (_digest(table, around, warnings) if table.secret else "")
        if sha256 is None:
            absent.append(table.name)
            continue
        if sha256 and sha256 in digests:
            problems.add(("keys", index), f"the same key as '{digests[sha256]}'; one key has one name")
        digests.setdefault(sha256, table.name)
        keys.append(
            KeySettings(
                name=table.name,
                sha256=sha256,
                team=table.team,
                tags=table.tags,
                scope=table.scope or EVERYTHING,
                expires_s=_midnight_s(table.expires),
                data_classes=table.data_classes,
                region=table.region,
                certificate=table.certificate,
            )
        )
    return tuple(keys), tuple(absent)


def check_scopes(
    tables: Sequence[KeyTable], routes: Sequence[Route], deployments: Sequence[Deployment], problems: Problems
) -> None:
    """Note what cannot be meant in the scopes of keys."""
    for index, table in enumerate(tables):
        if table.scope is not None:
            check_scope(table.scope, ("keys", index, "scope"), routes, deployments, problems)


def check_scope(
    scope: Scope, path: Path, routes: Sequence[Route], deployments: Sequence[Deployment], problems: Problems
) -> None:
    """Note what cannot be meant in one scope, which stands at `path`."""
    names = [route.name for route in routes]
    _check_patterns(scope.routes, (*path, "routes"), names, "route", problems)
    models = [name for one in deployments for name in (one.model, one.id)]
    _check_patterns(scope.models, (*path, "models"), models, "model or deployment", problems)
    for place, network in enumerate(scope.addresses or ()):
        if wrong := check_network(network):
            problems.add((*path, "addresses", place), wrong)


def check_teams(teams: Sequence[Team], problems: Problems) -> None:
    """Note what cannot be a tree in `teams`."""
    names: dict[str, int] = {}
    parents = parents_of(teams)
    for index, team in enumerate(teams):
        path: Path = ("teams", index)
        if wrong := check_weight(team.weight):
            problems.add((*path, "weight"), wrong)
        if not team.name:
            problems.add((*path, "name"), "must not be empty")
        if team.name in names:
            problems.add((*path, "name"), f"'{team.name}' is already the name of teams[{names[team.name]}]")
        names.setdefault(team.name, index)
    for index, team in enumerate(teams):
        if team.parent is not None and team.parent not in names:
            what = f"there is no team {quote(team.parent)}{did_you_mean(team.parent, names)}"
            problems.add(("teams", index, "parent"), what)
        elif runs_in_a_circle(team.name, parents):
            problems.add(("teams", index, "parent"), f"'{team.name}' would stand above itself")


def _check_patterns(
    patterns: Sequence[str] | None, path: Path, known: Sequence[str], what: str, problems: Problems
) -> None:
    for place, pattern in enumerate(patterns or ()):
        if not any(name == pattern or fnmatchcase(name, pattern) for name in known):
            problems.add((*path, place), f"there is no {what} {quote(pattern)}{did_you_mean(pattern, known)}")


def _is_one_of_two(table: KeyTable, index: int, problems: Problems) -> bool:
    """Whether the key is given as a reference or as a digest, and not both; neither is needed beside a certificate."""
    both, neither = bool(table.secret and table.sha256), table.secret is None and table.sha256 is None
    if both or (neither and table.certificate is None):
        problems.add(
            ("keys", index), "a key has either 'secret' or 'sha256'; entrepot keys new --toml prints a block to paste"
        )
        return False
    if table.secret is not None and (wrong := check_reference(table.secret)):
        problems.add(("keys", index, "secret"), wrong)
        return False
    return True


def _check_certificate(table: KeyTable, index: int, known: dict[str, str], problems: Problems) -> None:
    if table.certificate is None:
        return
    if table.certificate in known:
        what = f"the same certificate as '{known[table.certificate]}'; one certificate stands for one key"
        problems.add(("keys", index, "certificate"), what)
    known.setdefault(table.certificate, table.name)


def _digest(table: KeyTable, around: Surroundings, warnings: list[str]) -> str | None:
    """The digest of the key that the table refers to; None, with a warning, if it is not there."""
    try:
        return digest(Credentials(around.environ).read(anchor_reference(table.secret or "", around.directory)))
    except SettingsError as error:
        warnings.append(f"client key '{table.name}' lets nobody in: {error.message}")
        return None


def _midnight_s(day: datetime.date | None) -> float | None:
    return None if day is None else datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp()

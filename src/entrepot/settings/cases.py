"""Cases for rules: who asks, and which deployments they must be allowed or denied.

Rules of this file: a case is judged by the gate that requests pass, so a rule that says something else than its author meant is
found by a table and not by a leak.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.errors import SettingsError
from entrepot.policy.eligibility import eligible
from entrepot.policy.rules import Principal
from entrepot.policy.teams import parents_of, teams_above
from entrepot.settings.conform import conform
from entrepot.settings.lines import find_lines
from entrepot.settings.principals import principal_of
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import KeySettings, Settings


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, and which deployments they must be allowed or denied. `key` brings the team and tags that it has."""

    name: str
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


class CasesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of cases."""

    case: tuple[Case, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What came of one case: a sentence for each deployment that was judged otherwise than expected."""

    case: str
    wrong: tuple[str, ...]


def load_cases(file: Path, settings: Settings) -> tuple[Case, ...]:
    """The cases of a file. Raises SettingsError with everything that is wrong with it, or that it names and is not there."""
    try:
        document = file.read_text(encoding="utf-8")
        parsed = tomllib.loads(document)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error
    problems = Problems(file.name, find_lines(document))
    cases = conform(parsed, CasesFile, (), problems)
    problems.raise_any()
    if cases is None or not cases.case:
        raise SettingsError(f"{file}: no [[case]] in it; entrepot policy test --help shows one")
    _check_names(cases.case, settings, problems)
    problems.raise_any()
    return cases.case


def run_case(case: Case, settings: Settings) -> Outcome:
    """Judge the case's deployments as the gateway would."""
    key = next((key for key in settings.keys if key.name == case.key), None)
    judged = eligible(settings.deployments, settings.rules, _principal(case, key, parents_of(settings.teams)))
    allowed = {one.id for one in judged.allowed}
    reasons = {one.deployment: one.reason for one in judged.rejected}
    refused = [f"{id_} is denied: {reasons[id_]}" for id_ in case.allowed if id_ not in allowed]
    admitted = [f"{id_} is allowed: no rule in force objects" for id_ in case.denied if id_ in allowed]
    return Outcome(case.name, (*refused, *admitted))


def _principal(case: Case, key: KeySettings | None, parents: Mapping[str, str]) -> Principal:
    known = Principal(key=case.key) if key is None else principal_of(key, parents)
    team = case.team or known.team
    return msgspec.structs.replace(
        known, team=team, parent_teams=teams_above(team, parents), tags=known.tags | frozenset(case.tags)
    )


def _check_names(cases: Iterable[Case], settings: Settings, problems: Problems) -> None:
    keys = {key.name for key in settings.keys}
    ids = {one.id for one in settings.deployments}
    for index, case in enumerate(cases):
        if case.key in settings.absent_keys:
            problems.add(("case", index, "key"), f"the key {quote(case.key)} lets nobody in: its secret is not there")
        elif case.key is not None and case.key not in keys:
            problems.add(("case", index, "key"), f"there is no key {quote(case.key)}{did_you_mean(case.key, keys)}")
        for side in ("allowed", "denied"):
            for place, id_ in enumerate(getattr(case, side)):
                if id_ not in ids:
                    what = f"there is no deployment {quote(id_)}{did_you_mean(id_, ids)}"
                    problems.add(("case", index, side, place), what)

"""Cases for rules: who asks, and which deployments they must be allowed or denied.

Rules of this file: a case is judged by the gate that requests pass, so a rule that says something else than its author meant is
found by a table and not by a leak.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from entrepot.canonical.request import Message, Request, Text, Tool
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.places import COUNTRIES
from entrepot.dialects.delegation import HOSTED
from entrepot.errors import SettingsError
from entrepot.exchange.circumstance import Seen, circumstances_of
from entrepot.exchange.sensing import Sensor
from entrepot.policy.circumstances import UNREADABLE, Circumstances
from entrepot.policy.eligibility import eligible
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal
from entrepot.policy.teams import parents_of, teams_above
from entrepot.settings.conform import conform
from entrepot.settings.lines import find_lines
from entrepot.settings.principals import principal_of
from entrepot.settings.problems import Problems, quote
from entrepot.settings.schema import KeySettings, Settings


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks for what, and which deployments they must be allowed or denied; `preferred` are those to choose among.

    `key` brings all that it has. `text` is looked into as a request would be; the rest is what rules look at under `when`.
    """

    name: str
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    route: str | None = None
    client_region: str | None = None
    data_classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    text: str | None = None
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    preferred: tuple[str, ...] | None = None


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


def run_case(case: Case, settings: Settings, sensor: Sensor) -> Outcome:
    """Judge the case's deployments as the gateway would."""
    key = next((key for key in settings.keys if key.name == case.key), None)
    principal = _principal(case, key, parents_of(settings.teams))
    circumstances = _circumstances(case, principal, settings, sensor)
    judged = eligible(settings.deployments, settings.rules, principal, circumstances=circumstances)
    allowed = {one.id for one in judged.allowed}
    reasons = {one.deployment: one.reason for one in judged.rejected}
    refused = [f"{id_} is denied: {reasons[id_]}" for id_ in case.allowed if id_ not in allowed]
    admitted = [f"{id_} is allowed: no rule in force objects" for id_ in case.denied if id_ in allowed]
    preferred = {one.id for one in judged.preferred}
    if case.preferred is not None and preferred != set(case.preferred):
        admitted.append(f"preferred are {', '.join(sorted(preferred)) or 'none'}")
    return Outcome(case.name, (*refused, *admitted))


def _principal(case: Case, key: KeySettings | None, parents: Mapping[str, str]) -> Principal:
    known = Principal(key=case.key) if key is None else principal_of(key, parents)
    team = case.team or known.team
    return msgspec.structs.replace(
        known, team=team, parent_teams=teams_above(team, parents), tags=known.tags | frozenset(case.tags)
    )


def _circumstances(case: Case, principal: Principal, settings: Settings, sensor: Sensor) -> Circumstances:
    text = case.text or ""
    request = Request(
        model=case.route or "",
        messages=(Message("user", (Text(text),)),),
        tools=tuple(map(_tool, case.tools)),
    )
    found = sensor.look({"text": msgspec.Raw(msgspec.json.encode(text))}, case.route or "")
    seen = Seen(found.data_classes | set(case.data_classes), found.counts, case.client_region)
    circumstances = circumstances_of(request, case.route, principal, seen, Rulebook(settings.rules))
    return msgspec.structs.replace(circumstances, languages=circumstances.languages | set(case.languages))


def _tool(named: str) -> Tool:
    kind = named.removeprefix(HOSTED)
    return Tool(named) if kind == named else Tool(kind, hosted={"type": kind})


def _check_names(cases: Iterable[Case], settings: Settings, problems: Problems) -> None:
    keys = {key.name for key in settings.keys}
    ids = {one.id for one in settings.deployments}
    routes = {route.name for route in settings.routes}
    classes = {UNREADABLE, *settings.sensing.classes, *(name for key in settings.keys for name in key.data_classes)}
    for index, case in enumerate(cases):
        if case.key in settings.absent_keys:
            problems.add(("case", index, "key"), f"the key {quote(case.key)} lets nobody in: its secret is not there")
        elif case.key is not None and case.key not in keys:
            problems.add(("case", index, "key"), f"there is no key {quote(case.key)}{did_you_mean(case.key, keys)}")
        if case.route is not None and case.route not in routes:
            problems.add(
                ("case", index, "route"), f"there is no route {quote(case.route)}{did_you_mean(case.route, routes)}"
            )
        for place, name in enumerate(case.data_classes):
            if name not in classes:
                what = f"there is no data class {quote(name)}{did_you_mean(name, classes)}"
                problems.add(("case", index, "data_classes", place), what)
        if case.client_region is not None and case.client_region not in COUNTRIES:
            what = f"{quote(case.client_region)} is not a country's ISO 3166 code, such as CN or US"
            problems.add(("case", index, "client_region"), what)
        for side in ("allowed", "denied", "preferred"):
            for place, id_ in enumerate(getattr(case, side) or ()):
                if id_ not in ids:
                    what = f"there is no deployment {quote(id_)}{did_you_mean(id_, ids)}"
                    problems.add(("case", index, side, place), what)

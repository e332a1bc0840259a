"""[[policy]] checked: a rule that can never match is worse than none, for somebody relies on it.

Rules of this file: every word that a rule compares with must be one that a deployment or a request could have. Tags are
free, since a request may bring its own; keys and teams come from [[keys]] alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.policy.rules import Facts, Rule
from entrepot.settings.file import KeyTable
from entrepot.settings.lines import Path
from entrepot.settings.place_words import check_country, check_region
from entrepot.settings.problems import Problems, quote


def check_rules(
    rules: Sequence[Rule],
    keys: Iterable[KeyTable],
    deployments: Sequence[Deployment],
    catalog: Catalog,
    problems: Problems,
    teams: Iterable[str] = (),
) -> None:
    """Note what cannot be meant in `rules`. `teams` are those that exist beside the keys' own."""
    keys = tuple(keys)
    known_teams = {*teams, *(key.team for key in keys if key.team)}
    known = _known_words(deployments, catalog)
    names: dict[str, int] = {}
    for index, rule in enumerate(rules):
        path: Path = ("policy", index)
        if not rule.name:
            problems.add((*path, "name"), "must not be empty")
        if rule.name in names:
            problems.add((*path, "name"), f"'{rule.name}' is already the name of policy[{names[rule.name]}]")
        names.setdefault(rule.name, index)
        _check_words(rule.when.keys, (*path, "when", "keys"), {key.name for key in keys}, "[[keys]] has no", problems)
        _check_words(rule.when.teams, (*path, "when", "teams"), known_teams, "no key is of team", problems)
        if not _says_something(rule.require) and not _says_something(rule.deny):
            problems.add(path, "a rule without a fact under require or deny does nothing")
        for side, facts in (("require", rule.require), ("deny", rule.deny)):
            if facts is not None:
                _check_facts(facts, (*path, side), known, problems)


def _known_words(deployments: Sequence[Deployment], catalog: Catalog) -> dict[str, set[str]]:
    return {
        "deployment": {one.id for one in deployments},
        "model": {one.model for one in deployments} | {one.id for one in catalog.models},
        "maker": {one.maker for one in deployments} | {one.id for one in catalog.makers},
        "provider": {one.provider for one in deployments} | {one.id for one in catalog.providers},
    }


def _check_facts(facts: Facts, path: Path, known: Mapping[str, Set[str]], problems: Problems) -> None:
    for field in facts.__struct_fields__:
        if getattr(facts, field) == ():
            problems.add((*path, field), "an empty list matches nothing; name at least one, or remove it")
    for fact, words in known.items():
        _check_words(getattr(facts, fact) or (), (*path, fact), words, f"there is no {fact}", problems)
    for fact in ("maker_country", "provider_country"):
        for index, word in enumerate(getattr(facts, fact) or ()):
            if wrong := check_country(word):
                problems.add((*path, fact, index), wrong)
    for index, word in enumerate(facts.region or ()):
        if wrong := check_region(word):
            problems.add((*path, "region", index), wrong)


def _check_words(words: Sequence[str], path: Path, known: Set[str], lack: str, problems: Problems) -> None:
    for index, word in enumerate(words):
        if word not in known:
            problems.add((*path, index), f"{lack} {quote(word)}{did_you_mean(word, known)}")


def _says_something(facts: Facts | None) -> bool:
    return facts is not None and facts != Facts()

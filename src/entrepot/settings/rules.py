"""[[policy]] checked: a rule that can never match is worse than none, for somebody relies on it.

Rules of this file: every word that a rule compares with must be one that a deployment or a request could have, and so must
every word of a list that it names. Tags are free, since a request may bring its own, and so are the tools of clients. The same
check is for rules from a file and from the admin API.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from typing import Any

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.policy.lists import MARK, Lists
from entrepot.policy.rules import Facts, Rule
from entrepot.routing.languages import LANGUAGES
from entrepot.settings.lines import Path
from entrepot.settings.place_words import check_country, check_region
from entrepot.settings.problems import Problems, quote

Objection = Callable[[str], str | None]


class Known(msgspec.Struct, frozen=True):
    """The words that rules may name: of requests, and lists. Those of deployments are in the deployments and the catalog."""

    keys: Collection[str] = ()
    teams: Collection[str] = ()
    routes: Collection[str] = ()
    data_classes: Collection[str] = ()
    lists: Lists = {}


def check_rules(
    rules: Sequence[Rule],
    known: Known,
    deployments: Sequence[Deployment],
    catalog: Catalog,
    problems: Problems,
    table: str = "policy",
) -> None:
    """Note what cannot be meant in `rules`, which stand in the tables of this name."""
    check = _Check(known, _objections(known, deployments, catalog), problems)
    names: dict[str, int] = {}
    for index, rule in enumerate(rules):
        path: Path = (table, index)
        if not rule.name:
            problems.add((*path, "name"), "must not be empty")
        if rule.name in names:
            problems.add((*path, "name"), f"'{rule.name}' is already the name of {table}[{names[rule.name]}]")
        names.setdefault(rule.name, index)
        check.rule(rule, path)


class _Check:
    """Rules held to the words that are known, each list once."""

    def __init__(self, known: Known, objections: Mapping[str, Objection], problems: Problems) -> None:
        self._known = known
        self._objections = objections
        self._problems = problems
        self._checked: set[tuple[str, str]] = set()

    def rule(self, rule: Rule, path: Path) -> None:
        """Note what is wrong with one rule."""
        self._part(rule.when, (*path, "when"))
        if rule.unless is not None:
            self._part(rule.unless, (*path, "unless"))
        sides = {"require": rule.require, "deny": rule.deny, "prefer": rule.prefer}
        if not rule.no_store and not any(_says_something(facts) for facts in sides.values()):
            told = "a rule without a fact under require, deny or prefer, and without no_store, does nothing"
            self._problems.add(path, told)
        for side, facts in sides.items():
            if facts is not None:
                self._part(facts, (*path, side))
        if rule.deny is not None and rule.deny.max_retention_days is not None:
            what = "belongs under require: what is denied would be those that keep prompts the shortest"
            self._problems.add((*path, "deny", "max_retention_days"), what)

    def _part(self, part: msgspec.Struct, path: Path) -> None:
        for field in part.__struct_fields__:
            words: Any = getattr(part, field)
            if words == () and isinstance(part, Facts):
                self._problems.add((*path, field), "an empty list matches nothing; name at least one, or remove it")
            elif isinstance(words, tuple):
                self._words(words, field, (*path, field), is_condition=not isinstance(part, Facts))

    def _words(self, words: Iterable[str], field: str, path: Path, *, is_condition: bool) -> None:
        objection = self._objections.get(field)
        for index, word in enumerate(words):
            if word.startswith(MARK):
                self._list(word[len(MARK) :], field, (*path, index), is_condition=is_condition)
            elif objection is not None and (wrong := objection(word)):
                self._problems.add((*path, index), wrong)

    def _list(self, name: str, field: str, path: Path, *, is_condition: bool) -> None:
        words = self._known.lists.get(name)
        if words is None:
            self._problems.add(path, f"[lists] has no {quote(name)}{did_you_mean(name, self._known.lists)}")
        elif not words and is_condition:
            self._problems.add(path, f"the list '{name}' is empty, and a condition without words holds for everyone")
        elif (name, field) not in self._checked:
            self._checked.add((name, field))
            self._words((word for word in words), field, ("lists", name), is_condition=is_condition)


def _objections(known: Known, deployments: Sequence[Deployment], catalog: Catalog) -> dict[str, Objection]:
    """For each field of a rule, what is wrong with a word there."""
    facts = {
        "deployment": {one.id for one in deployments},
        "model": {one.model for one in deployments} | {one.id for one in catalog.models},
        "maker": {one.maker for one in deployments} | {one.id for one in catalog.makers},
        "provider": {one.provider for one in deployments} | {one.id for one in catalog.providers},
    }
    return {
        **{fact: _among(words, f"there is no {fact}") for fact, words in facts.items()},
        "maker_country": check_country,
        "provider_country": check_country,
        "region": check_region,
        "client_regions": check_country,
        "keys": _among(set(known.keys), "[[keys]] has no"),
        "teams": _among(set(known.teams), "no key is of team"),
        "routes": _among(set(known.routes), "there is no route"),
        "data_classes": _among(set(known.data_classes), "there is no data class"),
        "languages": _among(set(LANGUAGES), "no text is known to be in"),
    }


def _among(known: Set[str], lack: str) -> Objection:
    return lambda word: None if word in known else f"{lack} {quote(word)}{did_you_mean(word, known)}"


def _says_something(facts: Facts | None) -> bool:
    return facts is not None and facts != Facts()

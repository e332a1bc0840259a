"""Rules compiled, so that those which apply to a request are found without reading all of them.

Rules of this file: pure. Each rule is filed under the words of its most telling condition; a request looks under its own
words only, and what it finds is then held to every condition. `Asking` is as much of a request as some rule looks at:
nothing else can change what it may use, so it is what answers are remembered by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from entrepot.catalog.places import may_touch
from entrepot.policy.circumstances import UNREADABLE, Circumstances
from entrepot.policy.rules import Principal, Rule, Unless, When
from entrepot.policy.tags import fold_tag

ANY_TOOL = "*"
_TELLING = ("keys", "teams", "tags", "routes", "data_classes", "tools", "languages")
_NOBODY = Unless()
_FOLDED = frozenset({"tags", "data_classes"})


class Words(NamedTuple):
    """For each condition of a rule, words: tags and data classes folded, places in capitals."""

    keys: frozenset[str]
    teams: frozenset[str]
    tags: frozenset[str]
    routes: frozenset[str]
    client_regions: frozenset[str]
    data_classes: frozenset[str]
    languages: frozenset[str]
    tools: frozenset[str]


class Asking(NamedTuple):
    """Who asks and for what, reduced to the words that rules name.

    `models` is what the key's scope confines it to, which is no condition of a rule.
    """

    words: Words
    models: tuple[str, ...] | None = None


class Rulebook:
    """Rules in their order, compiled once.

    `reads` says whether some rule looks at what a request holds. Where none does, `plain` remembers what is known of requests
    by their route and caller.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._whens = tuple(_compile(rule.when) for rule in self.rules)
        self.named = Words(*(self._words(condition) for condition in Words._fields))
        self.reads = bool(self.named.languages or self.named.tools or UNREADABLE in self.named.data_classes)
        self.plain: dict[tuple[str | None, Principal], Circumstances] = {}
        self._always: list[int] = []
        self._filed: dict[tuple[str, str], list[int]] = {}
        for index, when in enumerate(self._whens):
            self._file(index, when)

    def asking(self, principal: Principal, circumstances: Circumstances) -> Asking:
        """As much of this request as some rule looks at."""
        named = self.named
        words = Words(
            keys=_among(named.keys, () if principal.key is None else (principal.key,)),
            teams=_among(named.teams, principal.teams),
            tags=_among(named.tags, map(fold_tag, principal.tags)),
            routes=_among(named.routes, () if circumstances.route is None else (circumstances.route,)),
            client_regions=circumstances.client_regions if named.client_regions else named.client_regions,
            data_classes=_among(named.data_classes, map(fold_tag, circumstances.data_classes)),
            languages=_among(named.languages, circumstances.languages),
            tools=_among(named.tools, (*circumstances.tools, ANY_TOOL) if circumstances.tools else ()),
        )
        return Asking(words, principal.scope.models)

    def in_force(self, asking: Asking) -> list[int]:
        """The places of the rules that apply, in their order."""
        found = list(self._always)
        for condition in _TELLING:
            for word in getattr(asking.words, condition):
                found += self._filed.get((condition, word), ())
        return sorted(index for index in set(found) if self.applies(index, asking))

    def confining(self, asking: Asking, fact: str | None = None) -> Rule | None:
        """The first rule in force that keeps anybody out by its facts; of those that look at `fact`, where one is given."""
        for index in self.in_force(asking):
            rule = self.rules[index]
            sides = [side for side in (rule.require, rule.deny) if side is not None]
            if any(fact is None or getattr(side, fact) is not None for side in sides):
                return rule
        return None

    def applies(self, index: int, asking: Asking) -> bool:
        """Whether this rule applies: every condition holds, and nobody of `unless` asks."""
        return self.failing(index, asking) is None

    def failing(self, index: int, asking: Asking) -> str | None:
        """The first condition of this rule that does not hold, or `unless`; None if it applies."""
        unless = self.rules[index].unless or _NOBODY
        if not asking.words.teams.isdisjoint(unless.teams) or not asking.words.keys.isdisjoint(unless.keys):
            return "unless"
        when = self._whens[index]
        for condition in Words._fields:
            words: frozenset[str] = getattr(when, condition)
            if words and not _holds(condition, words, getattr(asking.words, condition)):
                return condition
        return None

    def _words(self, condition: str) -> frozenset[str]:
        """All words that some rule names under this condition."""
        named: set[str] = set().union(*(getattr(when, condition) for when in self._whens))
        if condition in ("keys", "teams"):
            named.update(word for rule in self.rules for word in getattr(rule.unless or _NOBODY, condition))
        return frozenset(named)

    def _file(self, index: int, when: Words) -> None:
        for condition in _TELLING:
            if words := getattr(when, condition):
                for word in words:
                    self._filed.setdefault((condition, word), []).append(index)
                return
        self._always.append(index)


def _compile(when: When) -> Words:
    def words(condition: str) -> frozenset[str]:
        given: Sequence[str] = getattr(when, condition)
        if condition in _FOLDED:
            return frozenset(map(fold_tag, given))
        return frozenset(word.upper() for word in given) if condition == "client_regions" else frozenset(given)

    return Words(*(words(condition) for condition in Words._fields))


def _among(named: frozenset[str], words: Iterable[str]) -> frozenset[str]:
    """Those of `words` that rules name."""
    return named.intersection(words) if named else named


def _holds(condition: str, words: frozenset[str], asking: frozenset[str]) -> bool:
    if condition == "client_regions":
        return any(may_touch(place, words) for place in asking)
    return not words.isdisjoint(asking)

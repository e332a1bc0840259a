"""Named lists: `@name` in a rule stands for the words of `[lists] name`, so that one change reaches every rule.

Rules of this file: pure. A list may be empty: `deny` then denies nobody and `require` allows nobody. Under `when` it may not,
because a condition without words holds for everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from entrepot.policy.rules import Facts, Rule, Unless, When

MARK = "@"
_SIDES = ("when", "unless", "require", "deny", "prefer")
Lists = Mapping[str, tuple[str, ...]]


def named_lists(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """Every list that the rule names: under which side, in which field, by which name."""
    for side in _SIDES:
        part = getattr(rule, side)
        for field in () if part is None else part.__struct_fields__:
            words = getattr(part, field)
            if isinstance(words, tuple):
                yield from ((side, field, word[len(MARK) :]) for word in words if word.startswith(MARK))


def expand(rule: Rule, lists: Lists) -> Rule:
    """The rule with the words of every list in the place of its name. Names of no list stay as they are."""
    if not any(named_lists(rule)):
        return rule
    parts = {side: _expand_part(part, lists) for side in _SIDES if (part := getattr(rule, side)) is not None}
    return msgspec.structs.replace(rule, **parts)


def _expand_part(part: When | Unless | Facts, lists: Lists) -> When | Unless | Facts:
    written_out = {
        field: tuple(dict.fromkeys(said for word in words for said in _words(word, lists)))
        for field in part.__struct_fields__
        if isinstance(words := getattr(part, field), tuple) and any(word.startswith(MARK) for word in words)
    }
    return msgspec.structs.replace(part, **written_out)


def _words(word: str, lists: Lists) -> tuple[str, ...]:
    return lists.get(word[len(MARK) :], (word,)) if word.startswith(MARK) else (word,)

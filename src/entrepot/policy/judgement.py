"""One rule against one deployment: whether it objects, and the sentence that says why.

Rules of this file: words are compared without regard to case; places as sets (`catalog/places.py`). What is unknown is taken
to be what the rule forbids.
"""

from __future__ import annotations

from entrepot.catalog.places import UNKNOWN, describe_place, lies_within, may_touch
from entrepot.catalog.schema import Deployment
from entrepot.policy.rules import Facts, Rule

_PLACES = {"maker_country": "its maker is in", "provider_country": "its provider is in", "region": "it processes in"}
_WORDS = {
    "deployment": "id",
    "model": "model",
    "maker": "maker",
    "provider": "provider",
    "accelerator": "accelerator",
    "licence": "licence",
}
_YES_OR_NO = ("open_weights", "on_premises", "trains_on_data")
_WORDS_SHOWN = 5


def object_to(deployment: Deployment, rule: Rule) -> str | None:
    """Why `rule`, where it applies, does not let `deployment` through; None if it does."""
    found = [
        *(f"requires {told}" for told in _violations(deployment, rule.require, required=True)),
        *(f"denies {told}" for told in _violations(deployment, rule.deny, required=False)),
    ]
    return f"rule '{rule.name}' {', and '.join(found)}" if found else None


def is_preferred(deployment: Deployment, rule: Rule) -> bool:
    """Whether the deployment is known to satisfy all that `rule` prefers."""
    return not _violations(deployment, rule.prefer, required=True)


def _violations(deployment: Deployment, facts: Facts | None, *, required: bool) -> list[str]:
    """What of `facts` the deployment does not certainly satisfy (required) or certainly avoid (denied), each told."""
    if facts is None:
        return []
    told: list[str] = []
    for fact, begin in _PLACES.items():
        words = getattr(facts, fact)
        if words is not None and (words or required):
            place = _fold_place(getattr(deployment, fact))
            codes = frozenset(_fold_place(word) for word in words)
            if not lies_within(place, codes) if required else may_touch(place, codes):
                told.append(f"{fact} {_any_of(words)}, but {begin} {describe_place(place)}")
    for fact, attribute in _WORDS.items():
        words = getattr(facts, fact)
        if words is not None and (words or required):
            known = getattr(deployment, attribute)
            match = None if known in (None, UNKNOWN) else known.casefold() in {word.casefold() for word in words}
            if match is not required:
                told.append(f"{fact} {_any_of(words)}, but it is {known or UNKNOWN}")
    for fact in _YES_OR_NO:
        wanted = getattr(facts, fact)
        if wanted is not None:
            known = getattr(deployment, fact)
            match = None if known is None else known == wanted
            if match is not required:
                told.append(f"{fact} = {_toml(wanted)}, but it is {UNKNOWN if known is None else _toml(known)}")
    told += _incapabilities(deployment, facts.capability, required=required)
    if facts.max_retention_days is not None:
        days = deployment.retention_days
        match = None if days is None else days <= facts.max_retention_days
        if match is not required:
            known_days = "it is unknown how long it keeps prompts" if days is None else f"it keeps prompts {days} days"
            told.append(f"max_retention_days = {facts.max_retention_days}, but {known_days}")
    return told


def _incapabilities(deployment: Deployment, wanted: tuple[str, ...] | None, *, required: bool) -> list[str]:
    known = deployment.capabilities
    if wanted is None or not (wanted or required):
        return []
    match = None if known is None else not known.isdisjoint(wanted)
    if match is required:
        return []
    able = "what it can do is unknown" if known is None else f"it can do {', '.join(sorted(known)) or 'none'}"
    return [f"capability {_any_of(wanted)}, but {able}"]


def _any_of(words: tuple[str, ...]) -> str:
    if not words:
        return "of an empty list"
    more = len(words) - _WORDS_SHOWN
    return " or ".join(words) if more <= 1 else f"{' or '.join(words[:_WORDS_SHOWN])} or {more} more"


def _fold_place(word: str) -> str:
    return UNKNOWN if word.casefold() == UNKNOWN else word.upper()


def _toml(value: bool) -> str:
    return "true" if value else "false"

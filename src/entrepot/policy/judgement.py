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
_YES_OR_NO = ("open_weights", "on_premises")


def object_to(deployment: Deployment, rule: Rule) -> str | None:
    """Why `rule`, where it applies, does not let `deployment` through; None if it does."""
    found = [
        *(f"requires {told}" for told in _violations(deployment, rule.require, required=True)),
        *(f"denies {told}" for told in _violations(deployment, rule.deny, required=False)),
    ]
    return f"rule '{rule.name}' {', and '.join(found)}" if found else None


def _violations(deployment: Deployment, facts: Facts | None, *, required: bool) -> list[str]:
    """What of `facts` the deployment does not certainly satisfy (required) or certainly avoid (denied), each told."""
    if facts is None:
        return []
    told: list[str] = []
    for fact, begin in _PLACES.items():
        words = getattr(facts, fact)
        if words is not None:
            place = _fold_place(getattr(deployment, fact))
            codes = frozenset(_fold_place(word) for word in words)
            if not lies_within(place, codes) if required else may_touch(place, codes):
                told.append(f"{fact} {' or '.join(words)}, but {begin} {describe_place(place)}")
    for fact, attribute in _WORDS.items():
        words = getattr(facts, fact)
        if words is not None:
            known = getattr(deployment, attribute)
            match = None if known in (None, UNKNOWN) else known.casefold() in {word.casefold() for word in words}
            if match is not required:
                told.append(f"{fact} {' or '.join(words)}, but it is {known or UNKNOWN}")
    for fact in _YES_OR_NO:
        wanted = getattr(facts, fact)
        if wanted is not None:
            known = getattr(deployment, fact)
            match = None if known is None else known == wanted
            if match is not required:
                told.append(f"{fact} = {_toml(wanted)}, but it is {UNKNOWN if known is None else _toml(known)}")
    return told


def _fold_place(word: str) -> str:
    return UNKNOWN if word.casefold() == UNKNOWN else word.upper()


def _toml(value: bool) -> str:
    return "true" if value else "false"

"""The meaning of a rule written a second time, from the words of policy/rules.py and as plain set questions; and random rules,
deployments, callers and circumstances to try both on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from entrepot.catalog.places import COUNTRIES, EEA
from entrepot.catalog.schema import Deployment
from entrepot.policy.circumstances import ANYWHERE, Circumstances
from entrepot.policy.rules import Facts, Principal, Rule, Unless, When
from tests.exchange.things import a_deployment

PLACES = ("CN", "FR", "US", "EU", "GLOBAL", "LOCAL", "unknown")
RULE_PLACES = ("CN", "cn", "FR", "EU", "eu", "LOCAL", "GLOBAL")
NAMES = ("alpha", "beta")
WORDS = ("a", "b", "丙")


def is_denied(
    one: Deployment, rules: Iterable[Rule], principal: Principal, circumstances: Circumstances = ANYWHERE
) -> bool:
    """Whether any rule that applies keeps the deployment out."""
    return any(applies(rule, principal, circumstances) and violates(one, rule) for rule in rules)


def could_be(place: str) -> set[str]:
    """The countries in which something at this place could be."""
    if place.upper() == "EU":
        return set(EEA)
    return set(COUNTRIES) if place in ("GLOBAL", "global", "unknown") else {place.upper()}


def violates(one: Deployment, rule: Rule) -> bool:
    """Whether the deployment does not certainly satisfy all that is required, or not certainly avoid all that is denied."""
    for facts, required in ((rule.require, True), (rule.deny, False)):
        for name in () if facts is None else facts.__struct_fields__:
            wanted = getattr(facts, name)
            if wanted is not None and _hurts(one, name, wanted, required):
                return True
    return False


def _hurts(one: Deployment, name: str, wanted: Any, required: bool) -> bool:
    if name in ("region", "maker_country", "provider_country"):
        actual = getattr(one, name)
        if required:
            return not could_be(actual) <= set().union(*map(could_be, wanted))
        # GLOBAL in a deny means what is not pinned, not every country.
        pinned = [word for word in wanted if word.upper() != "GLOBAL"]
        touched = not could_be(actual).isdisjoint(set().union(*map(could_be, pinned)))
        return touched or (actual in ("GLOBAL", "unknown") and len(pinned) < len(wanted))
    if name == "max_retention_days":
        return one.retention_days is None or (one.retention_days <= wanted) is not required
    if name == "capability":
        return one.capabilities is None or any(word in one.capabilities for word in wanted) is not required
    actual = getattr(one, "id" if name == "deployment" else name)
    if actual is None or actual == "unknown":
        return True
    if isinstance(wanted, bool):
        return (actual == wanted) is not required
    return (actual.lower() in {word.lower() for word in wanted}) is not required


def applies(rule: Rule, principal: Principal, circumstances: Circumstances = ANYWHERE) -> bool:
    """Whether every condition of the rule holds, and it does not spare who asks."""
    when, unless = rule.when, rule.unless or Unless()
    if principal.team in unless.teams or principal.key in unless.keys:
        return False
    anywhere = set().union(*map(could_be, circumstances.client_regions))
    return all(
        (
            when.tags == () or any(tag in principal.tags for tag in when.tags),
            when.teams == () or principal.team in when.teams,
            when.keys == () or principal.key in when.keys,
            when.routes == () or circumstances.route in when.routes,
            when.client_regions == () or not anywhere.isdisjoint(set().union(*map(could_be, when.client_regions))),
            when.data_classes == () or any(name in circumstances.data_classes for name in when.data_classes),
            when.languages == () or any(name in circumstances.languages for name in when.languages),
            when.tools == ()
            or any(name in circumstances.tools for name in when.tools)
            or ("*" in when.tools and circumstances.tools != frozenset()),
        )
    )


def _lists(words: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(words), min_size=1, max_size=3).map(tuple)


def some_facts() -> st.SearchStrategy[Facts | None]:
    """Facts of a rule, most of them not looked at."""
    return st.none() | st.builds(
        Facts,
        deployment=_lists(("d0", "D1")),
        model=_lists(NAMES),
        maker=_lists(("Alpha", "beta")),
        maker_country=_lists(RULE_PLACES),
        provider=_lists(NAMES),
        provider_country=_lists(RULE_PLACES),
        region=_lists(RULE_PLACES),
        accelerator=_lists(("ascend", "nvidia")),
        licence=_lists(("MIT", "apache-2.0")),
        capability=_lists(("tools", "images")),
        open_weights=st.none() | st.booleans(),
        on_premises=st.none() | st.booleans(),
        trains_on_data=st.none() | st.booleans(),
        max_retention_days=st.none() | st.sampled_from((0, 30)),
    )


def some_words(words: tuple[str, ...] = WORDS) -> st.SearchStrategy[tuple[str, ...]]:
    """Words of a condition, often none."""
    return st.just(()) | st.lists(st.sampled_from(words), max_size=2).map(tuple)


WHENS = st.builds(
    When,
    some_words(),
    some_words(),
    some_words(),
    some_words(("auto", "other")),
    some_words(("CN", "EU", "FR")),
    some_words(),
    some_words(("zh", "de")),
    some_words(("*", "f", "g")),
)
RULES = st.lists(
    st.builds(
        Rule,
        st.just("r"),
        WHENS,
        some_facts(),
        some_facts(),
        some_facts(),
        st.none() | st.builds(Unless, some_words(), some_words()),
    ),
    max_size=4,
)
DEPLOYMENTS = st.lists(
    st.builds(
        a_deployment,
        st.sampled_from(("d0", "d1", "d2")),
        model=st.sampled_from(NAMES),
        maker=st.sampled_from((*NAMES, "unknown")),
        maker_country=st.sampled_from(PLACES),
        provider=st.sampled_from(NAMES),
        provider_country=st.sampled_from(PLACES),
        region=st.sampled_from(PLACES),
        accelerator=st.sampled_from((None, "Ascend", "nvidia")),
        licence=st.sampled_from((None, "MIT")),
        open_weights=st.sampled_from((None, True, False)),
        on_premises=st.booleans(),
        capabilities=st.sampled_from((None, frozenset(), frozenset({"tools"}), frozenset({"images", "json"}))),
        retention_days=st.sampled_from((None, 0, 7, 90)),
        trains_on_data=st.sampled_from((None, True, False)),
    ),
    max_size=5,
)
PRINCIPALS = st.builds(
    Principal,
    st.none() | st.sampled_from(WORDS),
    st.none() | st.sampled_from(WORDS),
    st.frozensets(st.sampled_from((*WORDS, "d"))),
)
CIRCUMSTANCES = st.builds(
    Circumstances,
    st.sampled_from((None, "auto", "other")),
    st.frozensets(st.sampled_from(("CN", "FR", "DE", "unknown")), min_size=1),
    st.frozensets(st.sampled_from(WORDS)),
    st.frozensets(st.sampled_from(("zh", "de", "en"))),
    st.frozensets(st.sampled_from(("f", "h"))),
)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.catalog.places import (
    COUNTRIES,
    EEA,
    EU,
    GLOBAL,
    LOCAL,
    REGIONS,
    UNKNOWN,
    describe_place,
    lies_within,
    may_touch,
    meant_region,
)

PLACES = st.sampled_from([*sorted(REGIONS), UNKNOWN])
SETS = st.frozensets(st.sampled_from([EU, GLOBAL, LOCAL, "CN", "DE", "FR", "NO", "US"]), min_size=1)
EVERYWHERE = COUNTRIES | {LOCAL}


def extent(place: str) -> frozenset[str]:
    """Every country (or LOCAL) where data at `place` could be."""
    if place == EU:
        return EEA
    return COUNTRIES if place in (GLOBAL, UNKNOWN) else frozenset({place})


def test_the_codes_are_countries_of_two_letters() -> None:
    assert len(COUNTRIES) == 249
    assert len(EEA) == 30
    assert EEA < COUNTRIES
    assert {EU, GLOBAL, LOCAL, "UK", "XX"}.isdisjoint(COUNTRIES)


@pytest.mark.parametrize(
    ("place", "allowed", "expected"),
    [
        ("EU", {"EU"}, True),
        ("FR", {"EU"}, True),
        ("NO", {"EU"}, True),
        ("CH", {"EU"}, False),
        ("GB", {"EU"}, False),
        ("EU", {"FR"}, False),
        ("EU", set(EEA), True),
        ("GLOBAL", {"EU"}, False),
        ("unknown", {"EU"}, False),
        ("LOCAL", {"EU"}, False),
        ("LOCAL", {"EU", "LOCAL"}, True),
        ("CN", {"GLOBAL"}, True),
        ("unknown", {"GLOBAL"}, True),
        ("LOCAL", {"GLOBAL"}, False),
    ],
)
def test_a_place_lies_within_what_it_cannot_leave(place: str, allowed: set[str], expected: bool) -> None:
    assert lies_within(place, allowed) is expected


@pytest.mark.parametrize(
    ("place", "denied", "expected"),
    [
        ("CN", {"CN"}, True),
        ("SG", {"CN"}, False),
        ("GLOBAL", {"CN"}, True),
        ("unknown", {"CN"}, True),
        ("LOCAL", {"CN"}, False),
        ("LOCAL", {"LOCAL"}, True),
        ("GLOBAL", {"LOCAL"}, False),
        ("EU", {"FR"}, True),
        ("EU", {"US"}, False),
        ("FR", {"EU"}, True),
        ("US", {"EU"}, False),
        ("FR", {"GLOBAL"}, False),
        ("GLOBAL", {"GLOBAL"}, True),
    ],
)
def test_a_place_may_touch_what_it_could_be_in(place: str, denied: set[str], expected: bool) -> None:
    assert may_touch(place, denied) is expected


@given(place=PLACES, allowed=SETS)
def test_what_lies_within_has_its_whole_extent_inside(place: str, allowed: frozenset[str]) -> None:
    inside = frozenset().union(*(extent(code) for code in allowed))
    assert lies_within(place, allowed) == (extent(place) <= inside)


@given(place=PLACES, denied=SETS.map(lambda codes: codes - {GLOBAL}))
def test_what_may_touch_has_some_of_its_extent_inside(place: str, denied: frozenset[str]) -> None:
    inside: frozenset[str] = frozenset().union(*(extent(code) for code in denied))
    assert may_touch(place, denied) == (not extent(place).isdisjoint(inside))


def test_common_wrong_names_are_understood() -> None:
    assert [meant_region(word) for word in ("uk", "China", "Europe", "EEA", "narnia")] == ["GB", "CN", "EU", "EU", None]


def test_places_are_described_in_words() -> None:
    assert describe_place("GLOBAL") == "GLOBAL (anywhere its provider likes)"
    assert describe_place("LOCAL") == "LOCAL (your own machines)"
    assert describe_place("FR") == "FR"

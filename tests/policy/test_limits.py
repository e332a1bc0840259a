from __future__ import annotations

import pytest

from entrepot.policy.limits import Limit, LimitBook, Limits, check_limit, check_limits
from entrepot.policy.rules import Principal

SIXTY = Limits(requests_per_minute=60)


def test_a_caller_is_held_to_the_limits_of_its_key_team_and_route() -> None:
    book = LimitBook(
        [
            Limit("keys", SIXTY, key="*"),
            Limit("red", Limits(tokens_per_minute=1000, concurrent=2), team="red"),
            Limit("other", SIXTY, team="blue"),
            Limit("auto", SIXTY, route="auto"),
        ]
    )
    ceilings = book.of_caller(Principal(key="甲", team="red"), "auto")
    assert [(one.account, one.amount, one.told) for one in ceilings] == [
        ("limit\tkeys\tkey=甲\trequests", 60, "key '甲'"),
        ("limit\tred\tteam=red\ttokens", 1000, "team 'red'"),
        ("limit\tred\tteam=red\tconcurrent", 2, "team 'red'"),
        ("limit\tauto\troute=auto\trequests", 60, "route 'auto'"),
    ]


def test_a_limit_of_a_team_holds_for_the_teams_in_it_together() -> None:
    lines = {"red": ("red", "all"), None: ()}
    book = LimitBook([Limit("all", SIXTY, team="all")], line_of=lambda team: lines[team])
    (ceiling,) = book.of_caller(Principal(team="red"), None)
    assert ceiling.account == "limit\tall\tteam=all\trequests"


def test_nobody_in_particular_has_no_limit_of_its_own() -> None:
    book = LimitBook([Limit("keys", SIXTY, key="*")])
    assert book.of_caller(Principal(), None) == ()
    assert book.of_target("m", "p/m") == ()


def test_an_attempt_is_held_to_the_limits_of_its_model_and_of_its_deployment() -> None:
    book = LimitBook(
        [Limit("models", SIXTY, model="m"), Limit("d", SIXTY, deployment="*")], {"p/m": Limits(concurrent=3)}
    )
    assert [one.account for one in book.of_target("m", "p/m")] == [
        "limit\tmodels\tmodel=m\trequests",
        "limit\td\tdeployment=p/m\trequests",
        "limit\tupstream\tp/m\tconcurrent",
    ]
    assert book.has_targets
    assert not book.is_empty


def test_no_limit_at_all_is_an_empty_book() -> None:
    assert LimitBook([]).is_empty


@pytest.mark.parametrize(
    "limit", [Limit("none", SIXTY), Limit("two", SIXTY, key="a", team="b")], ids=lambda limit: str(limit.name)
)
def test_a_limit_is_for_exactly_one_thing(limit: Limit) -> None:
    assert [field for field, _ in check_limit(limit)] == ["name"]


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (Limits(), "requests_per_minute"),
        (Limits(concurrent=0), "concurrent"),
        (Limits(tokens_per_minute=-1), "tokens_per_minute"),
        (Limits(concurrent=1, queue_s=1000), "queue_s"),
    ],
)
def test_what_cannot_be_meant_is_told_by_its_field(limits: Limits, field: str) -> None:
    assert [name for name, _ in check_limits(limits)] == [field]


def test_a_plain_limit_is_fine() -> None:
    assert check_limit(Limit("keys", SIXTY, key="*")) == []

from __future__ import annotations

import pytest

from entrepot.catalog.places import UNKNOWN
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Facts, Principal, Rule, Unless, When

NOBODY = Unless()
FACTS = Facts(on_premises=True)
WHO = Principal("k", "t", frozenset({"机密"}))
WHAT = Circumstances(
    route="auto",
    client_regions=frozenset({"DE"}),
    data_classes=frozenset({"Personal"}),
    languages=frozenset({"de"}),
    tools=frozenset({"delete_file"}),
)


def applying(when: When, unless: Unless = NOBODY, who: Principal = WHO, what: Circumstances = WHAT) -> bool:
    book = Rulebook([Rule("r", when, FACTS, unless=unless)])
    asking = book.asking(who, what)
    assert book.in_force(asking) == ([0] if book.applies(0, asking) else [])
    return book.applies(0, asking)


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        (When(), True),
        (When(routes=("auto",)), True),
        (When(routes=("cheap",)), False),
        (When(client_regions=("DE",)), True),
        (When(client_regions=("EU",)), True),
        (When(client_regions=("CN", "US")), False),
        (When(data_classes=("personal",)), True),
        (When(data_classes=("ｐersonal",)), True),
        (When(data_classes=("secret",)), False),
        (When(languages=("zh", "de")), True),
        (When(languages=("zh",)), False),
        (When(tools=("*",)), True),
        (When(tools=("delete_file",)), True),
        (When(tools=("delete",)), False),
        (When(tools=("*",), routes=("cheap",)), False),
        (When(tags=("机密",), teams=("t",), keys=("k",), languages=("de",)), True),
    ],
)
def test_a_rule_applies_where_all_its_conditions_hold(when: When, applies: bool) -> None:
    assert applying(when) is applies


@pytest.mark.parametrize(
    ("unless", "applies"),
    [(Unless(teams=("t",)), False), (Unless(keys=("k",)), False), (Unless(teams=("u",), keys=("j",)), True)],
)
def test_a_rule_spares_the_teams_and_keys_that_it_names(unless: Unless, applies: bool) -> None:
    assert applying(When(), unless) is applies


def test_a_client_of_unknown_place_may_be_anywhere() -> None:
    assert applying(When(client_regions=("CN",)), what=Circumstances())
    added = Circumstances(client_regions=frozenset({UNKNOWN, "US"}))
    assert applying(When(client_regions=("CN",)), what=added), "what a client says does not take the unknown away"


def test_without_tools_no_rule_on_tools_applies() -> None:
    assert not applying(When(tools=("*",)), what=Circumstances())


def test_only_what_rules_name_tells_requests_apart() -> None:
    book = Rulebook([Rule("r", When(tags=("a",)), FACTS)])
    assert book.asking(WHO, WHAT) == book.asking(Principal("other", "team"), Circumstances())


def test_the_condition_that_fails_is_told() -> None:
    rules = [Rule("r", When(routes=("cheap",)), FACTS), Rule("s", When(), FACTS, unless=Unless(teams=("t",)))]
    book = Rulebook(rules)
    asking = book.asking(WHO, WHAT)
    assert [book.failing(index, asking) for index in (0, 1)] == ["routes", "unless"]


def test_rules_come_in_their_order_however_they_are_filed() -> None:
    whens = [When(tags=("机密",)), When(), When(keys=("k",)), When(languages=("zh",)), When(tools=("*",))]
    book = Rulebook([Rule(str(number), when, FACTS) for number, when in enumerate(whens)])
    assert book.in_force(book.asking(WHO, WHAT)) == [0, 1, 2, 4]

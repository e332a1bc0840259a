from __future__ import annotations

from entrepot.policy.lists import expand, named_lists
from entrepot.policy.rules import Facts, Rule, Unless, When

LISTS = {"listed": ("CN", "RU"), "新": ("qwen-x",), "none": ()}


def test_a_list_is_written_out_in_its_place_each_word_once() -> None:
    rule = Rule("r", When(teams=("a", "@新")), deny=Facts(provider_country=("US", "@listed", "CN")))
    expanded = expand(rule, LISTS)
    assert expanded.deny == Facts(provider_country=("US", "CN", "RU"))
    assert expanded.when == When(teams=("a", "qwen-x"))


def test_an_empty_list_leaves_no_words() -> None:
    rule = Rule("r", require=Facts(model=("@none",)), unless=Unless(keys=("@none",)))
    assert expand(rule, LISTS).require == Facts(model=())
    assert expand(rule, LISTS).unless == Unless(keys=())


def test_a_name_of_no_list_stays_as_it_is() -> None:
    rule = Rule("r", prefer=Facts(model=("@lost",)))
    assert expand(rule, LISTS) == rule


def test_every_list_that_a_rule_names_is_told() -> None:
    rule = Rule("r", When(tags=("@a", "b")), Facts(model=("@c",), open_weights=True), unless=Unless(teams=("@d",)))
    assert sorted(named_lists(rule)) == [("require", "model", "c"), ("unless", "teams", "d"), ("when", "tags", "a")]

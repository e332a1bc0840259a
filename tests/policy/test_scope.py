from __future__ import annotations

import pytest

from entrepot.policy.scope import EVERYTHING, Scope, object_to_deployment, object_to_name, object_to_tags
from tests.exchange.things import a_deployment

MODEL = a_deployment("host/通义-7b")


def test_a_scope_that_says_nothing_takes_nothing_away() -> None:
    assert object_to_name(EVERYTHING, "auto", is_route=True) is None
    assert object_to_name(EVERYTHING, "host/通义-7b", is_route=False) is None
    assert object_to_deployment(EVERYTHING.models, MODEL) is None
    assert object_to_tags(EVERYTHING, {"x"}) is None


@pytest.mark.parametrize(
    ("scope", "name", "is_route", "allowed"),
    [
        (Scope(routes=("auto",)), "auto", True, True),
        (Scope(routes=("batch*",)), "batch-夜", True, True),
        (Scope(routes=("auto",)), "AUTO", True, False),
        (Scope(routes=("auto",)), "other", True, False),
        (Scope(routes=()), "auto", True, False),
        (Scope(routes=("auto",)), "通义-7b", False, False),
        (Scope(routes=("auto",), models=("x",)), "通义-7b", False, True),
        (Scope(models=("x",)), "auto", True, True),
    ],
)
def test_routes_say_which_names_may_be_asked_for(scope: Scope, name: str, is_route: bool, allowed: bool) -> None:
    assert (object_to_name(scope, name, is_route=is_route) is None) is allowed


@pytest.mark.parametrize(
    ("models", "allowed"),
    [
        (("通义-7b",), True),
        (("host/*",), True),
        (("通义*",), True),
        (("通义",), False),
        ((), False),
        (("[通]*",), True),
    ],
)
def test_models_say_who_may_answer_by_either_name(models: tuple[str, ...], allowed: bool) -> None:
    assert (object_to_deployment(models, MODEL) is None) is allowed


@pytest.mark.parametrize(
    ("tags", "sent", "allowed"),
    [
        (("客户",), {"客户 "}, True),
        (("Client*",), {"CLIENT-7"}, True),
        (("client",), {"client", "other"}, False),
        ((), {"x"}, False),
        ((), set(), True),
    ],
)
def test_tags_are_compared_as_rules_compare_them(tags: tuple[str, ...], sent: set[str], allowed: bool) -> None:
    assert (object_to_tags(Scope(tags=tags), sent) is None) is allowed


def test_an_objection_says_what_the_key_is_for() -> None:
    assert object_to_name(Scope(routes=("a", "b")), "c", is_route=True) == "is for the routes a, b"
    assert object_to_name(Scope(routes=()), "c", is_route=True) == "is for no route"
    assert object_to_deployment(("x",), MODEL) == "the key is for the model x"
    assert object_to_tags(Scope(tags=("x",)), {"y" * 300}) == f"may add the tag x, not '{'y' * 100}'"

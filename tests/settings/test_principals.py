from __future__ import annotations

from entrepot.policy.rules import Principal
from entrepot.policy.scope import Scope
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import KeySettings


def test_whoever_presents_a_key_is_all_that_the_key_says() -> None:
    key = KeySettings("k", "0" * 64, team="b", tags=("机密",), scope=Scope(models=("m",)))
    assert principal_of(key, {"b": "a"}) == Principal("k", "b", frozenset({"机密"}), ("a",), Scope(models=("m",)))
    assert principal_of(KeySettings("k", "0" * 64), {"b": "a"}) == Principal("k")

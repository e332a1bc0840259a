from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.effort import budget_of_effort, effort_of_budget


@pytest.mark.parametrize("effort", ["none", "low", "medium", "high", "xhigh", "max"])
def test_an_effort_is_found_again_from_its_budget(effort: str) -> None:
    assert effort_of_budget(budget_of_effort(effort)) == effort


def test_an_unknown_effort_is_a_medium_one() -> None:
    assert budget_of_effort("heroic") == budget_of_effort("medium")


@given(st.integers(1, 65536))
def test_an_effort_gives_at_least_the_budget_that_was_named(budget_tokens: int) -> None:
    assert budget_of_effort(effort_of_budget(budget_tokens)) >= budget_tokens

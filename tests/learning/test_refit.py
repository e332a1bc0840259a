"""Refits in worlds whose truth is known: a worse router is hardly ever promoted, a better one is."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.learning.refit import EARLIER, ERROR, MONTH_S, error_of, refit
from entrepot.routing.correction import NOTHING, Adjustment, Correction
from tests.learning.lived import RAN, lived, worth_of

CHEAP_IS_BAD = Correction(models={"cheap": Adjustment(1.0, -2.5, 0.0)})


def test_a_refit_that_found_what_is_true_is_promoted_and_is_worth_more() -> None:
    found = refit(lived(CHEAP_IS_BAD, 3000, 1), RAN, {}, lambda _: {}, ERROR)
    assert found.verdict.promote, found.verdict.why
    assert (found.earlier, found.later) == (round(EARLIER * 3000), 3000 - round(EARLIER * 3000))
    assert found.verdict.why.startswith("better: where it would have chosen another, value differs by +")
    assert found.fitted_on == "1,800 live outcomes, 1970-01-01 to 1970-01-01"
    assert worth_of(found.candidate, CHEAP_IS_BAD) > worth_of(NOTHING, CHEAP_IS_BAD) + 0.001


def test_a_worse_refit_is_promoted_in_at_most_one_of_twenty() -> None:
    """Few outcomes make poor fits; in a world in which the file is right, nearly every candidate is worse than it."""
    promoted, worse = 0, 0
    for seed in range(60):
        found = refit(lived(NOTHING, 400, 100 + seed), RAN, {}, lambda _: {}, ERROR)
        is_worse = worth_of(found.candidate, NOTHING, 500) < worth_of(NOTHING, NOTHING, 500)
        worse += is_worse
        promoted += found.verdict.promote and is_worse
    assert worse > 40
    assert promoted <= 0.05 * 60


def test_what_is_learned_is_not_what_it_is_tested_on() -> None:
    """The world turns after the earlier slice: what was learned of it is wrong by then, and is not promoted."""
    before = lived(CHEAP_IS_BAD, 1800, 3)
    after = lived(NOTHING, 1200, 4)
    found = refit([*before, *after], RAN, {}, lambda _: {}, ERROR)
    assert found.candidate.models["cheap"].shift < found.candidate.models["dear"].shift - 0.5
    assert not found.verdict.promote
    assert found.verdict.why.startswith("not shown to be better")


def test_without_exploration_nothing_is_promoted_and_it_says_so() -> None:
    found = refit(lived(CHEAP_IS_BAD, 2000, 5, exploring=None), RAN, {}, lambda _: {}, ERROR)
    assert not found.verdict.promote
    assert "let the route explore more" in found.verdict.why


def test_exchanges_of_another_routers_file_are_left_out() -> None:
    strange = lived(CHEAP_IS_BAD, 500, 6, version="ensemble/other")
    found = refit([*strange, *lived(NOTHING, 100, 7)], RAN, {}, lambda _: {}, ERROR)
    assert found.earlier + found.later == 100


def test_what_is_being_done_is_told_step_by_step() -> None:
    steps: list[str] = []
    refit(lived(NOTHING, 100, 8), RAN, {}, lambda _: {}, ERROR, steps.append)
    assert steps == [
        "fitting on 60 outcomes",
        "compiling routes with the candidate",
        "holding it against what ran, on 40 later outcomes",
    ]


@pytest.mark.parametrize(("refit_s", "expected"), [(None, 0.05), (86_400.0, 0.05 / 30), (2 * MONTH_S, 0.05)])
def test_the_refits_of_a_month_share_the_error(refit_s: float | None, expected: float) -> None:
    assert error_of(refit_s) == pytest.approx(expected)
    assert np.isfinite(error_of(refit_s))

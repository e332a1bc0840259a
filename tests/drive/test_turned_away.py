from __future__ import annotations

import pytest

from entrepot.drive.purse import Claim, NotGranted, Purse
from entrepot.drive.turned_away import no_bound, refuse
from entrepot.errors import BudgetExceeded, RateLimited
from entrepot.policy.budgets import Charge, Span
from entrepot.policy.limits import Ceiling, Limits
from tests.policy.test_budgets import budget

CHARGE = Charge("a", budget("预算"), Span("2026-11", 0.0, 1_796_083_200.0), budget("预算").amount_nano_usd)
CEILING = Ceiling("l", "requests", 60, "key 'k'", Limits())


def claim(about: object) -> Claim:
    purse = Purse("a", "money", 10 * 10**9)
    purse.used = 9 * 10**9
    return Claim(purse, 2 * 10**9, 1.0, about)


def test_a_budget_that_is_used_up_says_what_is_left_and_when_it_is_renewed() -> None:
    error = refuse(NotGranted(claim(CHARGE), float("inf")))
    assert isinstance(error, BudgetExceeded)
    assert error.status == 402
    assert error.message == (
        "budget '预算' of 10 USD (2026-11) has 1.000000 USD left, and this request may cost up to 2.000000 USD; "
        "it is renewed at 2026-12-01 00:00 UTC"
    )


def test_a_budget_that_others_hold_may_be_asked_again() -> None:
    error = refuse(NotGranted(claim(CHARGE), None))
    assert isinstance(error, RateLimited)
    assert error.code == "budget_reserved"


@pytest.mark.parametrize(("fits_s", "wait_s"), [(None, 1.0), (0.2, 1.0), (37.5, 37.5), (float("inf"), 1.0)])
def test_a_limit_says_when_to_come_back(fits_s: float | None, wait_s: float) -> None:
    error = refuse(NotGranted(claim(CEILING), fits_s))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == wait_s
    assert error.message == "the limit of 60 requests a minute of key 'k' is reached"


def test_a_cost_that_nobody_can_bound_has_its_reasons() -> None:
    error = no_bound("b", ["p/m: its price is unknown"])
    assert (error.status, error.code, error.rule) == (402, "cost_not_bounded", "budget b")
    assert "p/m: its price is unknown" in error.message


def test_a_claim_about_nothing_is_a_defect() -> None:
    with pytest.raises(TypeError):
        refuse(NotGranted(claim(None), None))

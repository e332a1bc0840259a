"""Why somebody is not let in, in words: which limit or budget, and when to come back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from entrepot.catalog.pricing import format_usd
from entrepot.drive.purse import NotGranted
from entrepot.errors import BudgetExceeded, EntrepotError, RateLimited
from entrepot.policy.budgets import Charge
from entrepot.policy.limits import Ceiling

_SOON_S = 1.0
_UNITS = {"requests": "requests a minute", "tokens": "tokens a minute", "concurrent": "requests at once"}


def refuse(refusal: NotGranted) -> EntrepotError:
    """The error for a claim that came to nothing."""
    about = refusal.claim.about
    if isinstance(about, Charge):
        return _refuse_charge(about, refusal)
    if isinstance(about, Ceiling):
        return _refuse_ceiling(about, refusal)
    raise TypeError("a claim is about a budget or a limit")


def no_bound(budget: str, reasons: Sequence[str]) -> BudgetExceeded:
    """Nobody can say what the request costs at most, so a hard budget cannot let it pass."""
    told = "; ".join(reasons[:5])
    return BudgetExceeded(
        f"budget '{budget}' is hard, and what this request can cost at most is not known ({told})",
        budget=budget,
        code="cost_not_bounded",
    )


def _refuse_charge(charge: Charge, refusal: NotGranted) -> EntrepotError:
    budget, purse, need = charge.budget, refusal.claim.purse, format_usd(refusal.claim.need)
    if refusal.fits_s is None:
        return RateLimited(
            f"budget '{budget.name}' is held by requests under way, and this one may cost up to {need} USD: "
            "try again when they have ended",
            retry_after_s=_SOON_S,
            code="budget_reserved",
            rule=f"budget {budget.name}",
        )
    left = format_usd(max(0, purse.left))
    renewed = "" if charge.span.ends_s is None else f"; it is renewed at {_moment(charge.span.ends_s)}"
    return BudgetExceeded(
        f"budget '{budget.name}' of {budget.amount_usd} USD ({charge.span.label}) has {left} USD left, and this request "
        f"may cost up to {need} USD{renewed}",
        budget=budget.name,
    )


def _refuse_ceiling(ceiling: Ceiling, refusal: NotGranted) -> EntrepotError:
    wait_s = _SOON_S if refusal.fits_s is None or math.isinf(refusal.fits_s) else max(_SOON_S, refusal.fits_s)
    return RateLimited(
        f"the limit of {ceiling.amount} {_UNITS[ceiling.measure]} of {ceiling.told} is reached",
        retry_after_s=wait_s,
        code="rate_limit_exceeded",
        rule=f"limit of {ceiling.told}",
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""Which candidate quality is measured from, where the operator names none.

Rule: scores compare only on one benchmark, so the benchmark counts on which most candidates' models have a published score,
and only if that is at least half of them; the best there is the reference. Otherwise the candidate with the dearest known
price is, for want of anything better. Equal candidates: the cheaper one first, then by id, so that the choice is stable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment

_UNDATED = 0.0  # the list price: before every change, and in no provider's peak hours
_INPUT_SHARE = 0.75  # a typical request reads three tokens for each one it writes


class Reference(NamedTuple):
    """The deployment, and why it was chosen as a phrase for people."""

    deployment: Deployment
    reason: str


def choose_reference(candidates: Sequence[Deployment], catalog: Catalog, rates: ExchangeRates) -> Reference:
    """The candidate that quality is measured from. `candidates` is not empty."""
    scores = {candidate.model: _scores(candidate.model, catalog) for candidate in candidates}
    counts = Counter(benchmark for by_benchmark in scores.values() for benchmark in by_benchmark)
    benchmark, covered = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
    if 2 * covered >= len(scores) and covered:
        scored = [candidate for candidate in candidates if benchmark in scores[candidate.model]]
        best = min(scored, key=lambda one: (-scores[one.model][benchmark], *_cheapest_first(one, rates)))
        figure = scores[best.model][benchmark]
        return Reference(best, f"the best published score on {benchmark} ({figure:.1%})")
    priced = [candidate for candidate in candidates if candidate.price is not None]
    if priced:
        dearest = min(priced, key=lambda one: (-(usd_per_token(one, rates) or 0.0), one.id))
        return Reference(
            dearest, "the dearest known price, as too few candidates have published scores on one benchmark"
        )
    return Reference(candidates[0], "the first candidate, as neither scores nor prices are known")


def usd_per_token(deployment: Deployment, rates: ExchangeRates) -> float | None:
    """Dollars for a token of a typical request, three read for one written; None if the price is unknown."""
    if deployment.price is None:
        return None
    read, written = Tariff(deployment.price, rates).usd_per_token(0, _UNDATED)
    return _INPUT_SHARE * read + (1 - _INPUT_SHARE) * written


def _scores(model: str, catalog: Catalog) -> dict[str, float]:
    known = catalog.find_model(model)
    return {score.benchmark: score.score for score in known.scores} if known else {}


def _cheapest_first(deployment: Deployment, rates: ExchangeRates) -> tuple[float, str]:
    price = usd_per_token(deployment, rates)
    return (float("inf") if price is None else price, deployment.id)

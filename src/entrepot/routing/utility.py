"""From estimates to a choice: prices as they are now, the operator's goal, and a decision that explains itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.routing.base import Basis


class Goal(msgspec.Struct, frozen=True):
    """`cheapest_within`: the least expensive candidate predicted to stay within `max_loss` (points of quality, 0.02 = two)
    of the reference. `best_under`: the best candidate whose expected cost stays under `max_cost_usd`.
    """

    kind: Literal["cheapest_within", "best_under"] = "cheapest_within"
    max_loss: float = 0.02
    max_cost_usd: float | None = None


class Weighed(msgspec.Struct, frozen=True):
    """One candidate as the decision saw it. Expected cost in dollars, None if its price is unknown.

    `rejected` is the reason for which it was not eligible, None if it was. `propensity` is the probability with which this
    candidate was chosen under the rule in force (1 or 0 without exploration).
    """

    deployment: str
    model: str
    p_correct: float | None = None
    p_error: float | None = None
    output_tokens: float | None = None
    cost_usd: float | None = None
    basis: Basis | None = None
    propensity: float = 0.0
    rejected: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """Which candidate, in which order the others follow if it fails, and why.

    `order` holds deployment ids, the chosen one first. `router` names the fitted artifact that made the estimates, None
    where no estimate was needed (a model or deployment was asked for by name). `reason` is one sentence for people.
    """

    order: tuple[str, ...]
    candidates: tuple[Weighed, ...]
    reason: str
    goal: Goal | None = None
    reference: str | None = None
    router: str | None = None
    promise: str | None = None

    @property
    def chosen(self) -> str:
        """The deployment id that goes first."""
        return self.order[0]

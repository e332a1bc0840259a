"""The shadow stage of a trial as it is asked for at the start: whether there is one, why not, and what it comes to.

Raises SettingsError with what is wrong and what to write instead.
"""

from __future__ import annotations

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.control.trials import Terms, Trial, budget_of_trial, ways_to_compare
from entrepot.errors import SettingsError
from entrepot.exchange.embedding import embeds
from entrepot.exchange.plan import Route
from entrepot.policy.budgets import check_budget
from entrepot.routing.trial import Direction


def with_shadow(
    terms: Terms, route: Route, deployment: Deployment, direction: Direction, *, wanted: bool
) -> tuple[Terms, tuple[str, ...]]:
    """The terms with a shadow stage, or without where nobody wants it or nothing could come of it; and what to know of that."""
    ways = ways_to_compare(route.outcomes)
    why = None
    if not wanted:
        why = "--no-shadow"
    elif direction == "out":
        why = "a model that is taken out answers already"
    elif embeds(deployment):
        why = f"{deployment.id} makes embeddings, which nobody compares"
    elif not ways:
        why = f"route '{route.name}' has neither judges nor checks to compare answers by"
    if why is not None:
        return msgspec.structs.replace(terms, compare=None), (f"no shadow stage: {why}",)
    if deployment.price is None:
        raise SettingsError(
            f"the price of {deployment.id} is unknown, so --shadow-usd cannot hold: write it down, or say --no-shadow"
        )
    notes = []
    if route.max_output_tokens is None and deployment.max_output_tokens is None:
        notes.append(
            f"only requests that name a token limit are asked of {deployment.id} beside, for what another may cost is not "
            "known: set max_output_tokens on the route or the deployment"
        )
    if route.outcomes.shadow is not None:
        notes.append(f"what [routes.shadow] of route '{route.name}' asks counts for --shadow-usd too")
    return msgspec.structs.replace(terms, compare=ways[0]), tuple(notes)


def check_cap(trial: Trial) -> None:
    """Nothing where the most that asking beside may cost in a day can be held. Raises SettingsError."""
    for field, wrong in check_budget(budget_of_trial(trial)):
        if field == "amount_usd":
            raise SettingsError(f"--shadow-usd {wrong}")


def shadow_usd(trial: Trial) -> float | None:
    """What answers cost that an equal model gives beside until it is past shadow; None where it has no such stage or no mean."""
    first, terms = trial.stages[0], trial.terms
    if first.stage.share is not None or not terms.mean_usd:
        return None
    return first.units * terms.mean_usd * (1 - terms.saving)

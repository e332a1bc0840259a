"""A trial as somebody asks for it, by a command or over the admin API: the same words, units and usual values.

Raises SettingsError with what is wrong, in the words of the command's options.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from entrepot.control.objects import Snapshot
from entrepot.control.trial_shadow import check_cap, with_shadow
from entrepot.control.trial_start import build_trial, find_deployment, find_route, with_costs
from entrepot.control.trials import Terms, Trial
from entrepot.routing.trial import Direction
from entrepot.settings.schema import Settings

Percent = Annotated[float, Meta(gt=0, le=100)]
AboveZero = Annotated[float, Meta(gt=0)]


class TrialBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be tried, and how: the options of `entrepot trial start`, with their usual values. `stages` are percentages."""

    model: str
    name: str | None = None
    route: str = "auto"
    out: bool = False
    margin: Percent = 5.0
    stages: Annotated[tuple[Percent, ...], Meta(min_length=1)] = (1.0, 5.0, 20.0)
    no_shadow: bool = False
    shadow_share: Percent = 10.0
    shadow_usd: AboveZero = 5.0
    shadow_margin: Percent = 10.0
    differing: Percent = 50.0
    least: Annotated[int, Meta(ge=1)] = 500
    cost_ratio: AboveZero = 1.0
    saving: Annotated[float, Meta(ge=0, le=99)] = 20.0
    no_cost: bool = False
    mean_usd: AboveZero | None = None
    guard: Percent = 3.0
    slow_s: AboveZero = 60.0
    settle_s: Annotated[float, Meta(ge=0)] = 900.0
    quality: Annotated[float, Meta(ge=1, le=99)] = 80.0
    errors: Percent = 2.0


def prepare(
    settings: Settings, wanted: TrialBody, mean_of: Callable[[str], float | None], now_s: float
) -> tuple[Trial, tuple[str, ...]]:
    """The trial as it would begin, and what to know of it. `mean_of` says what a session of a route costs, if that is known."""
    deployment, route = find_deployment(settings, wanted.model), find_route(settings, wanted.route)
    direction: Direction = "out" if wanted.out else "in"
    terms, notes = with_shadow(_terms(wanted), route, deployment, direction, wanted=not wanted.no_shadow)
    mean = None
    if not terms.mean_usd and (terms.cost_ratio is not None or terms.compare is not None):
        mean = mean_of(route.name)
    terms = with_costs(terms, deployment, mean)
    if mean is not None and not terms.mean_usd:
        terms = msgspec.structs.replace(terms, mean_usd=mean)
    name = wanted.name or deployment.id
    made = build_trial(name, settings, deployment.id, route.name, direction, terms, now_s)
    check_cap(made)
    return made, notes


def in_the_way(kept: Snapshot, trial: Trial) -> str | None:
    """Why the trial cannot begin beside those that are kept; None where it can."""
    for other in kept.trials:
        if other.name == trial.name or other.route == trial.route:
            return (
                f"trial '{other.name}' is on route '{other.route}': a route has one trial at a time, "
                f"and 'entrepot trial stop {other.name}' ends that one"
            )
    return None


def _terms(wanted: TrialBody) -> Terms:
    return Terms(
        margin=wanted.margin / 100,
        cost_ratio=None if wanted.no_cost else wanted.cost_ratio,
        saving=wanted.saving / 100,
        mean_usd=wanted.mean_usd or 0.0,
        guard=wanted.guard / 100,
        slow_s=wanted.slow_s,
        settle_s=wanted.settle_s,
        shares=tuple(share / 100 for share in wanted.stages),
        least=wanted.least,
        quality=wanted.quality / 100,
        errors=wanted.errors / 100,
        shadow_share=wanted.shadow_share / 100,
        shadow_usd_per_day=Decimal(str(wanted.shadow_usd)),
        shadow_margin=wanted.shadow_margin / 100,
        differing=wanted.differing / 100,
    )

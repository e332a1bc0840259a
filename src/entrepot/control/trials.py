"""Trials as they are kept: what is tried on which route, the plan as it was fixed at the start, and how far it has come.

Rules of this file: frozen values. A plan is made once, when a trial starts, and never again: stakes that are chosen anew
between looks are no test. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from entrepot.exchange.outcome_plan import OutcomePlan, Shadowing
from entrepot.exchange.plan import Route
from entrepot.exchange.shadowing import SHADOW
from entrepot.policy.budgets import Budget
from entrepot.routing.trial import FULL, Direction, OnTrial, Standing
from entrepot.settings.shadows import budget_of
from entrepot.statistics.ladder import Gate, PlannedStage, Stage, plan_ladder


class Terms(msgspec.Struct, frozen=True):
    """What is asked of the new arm, as its operator said at the start.

    `margin` is how much worse quality may be, 0.05 = five points. Mean cost of a session may be `cost_ratio` times that of the
    running arm, and `saving` is the part of it that is expected to be saved; what a session costs above `most_usd` counts as
    `most_usd`. None: costs are not asked about. Exchanges may fail, or be refused, by `guard` more often, and be slow, which is
    longer than `slow_s`, by `slow`. A session counts once nothing has come of it for `settle_s`. `shares` are the stages',
    which wait for `least` sessions each. `quality` and `errors` are what is taken to be the case now, for planning.

    `compare` None: there is no shadow stage. Else it is the first: `shadow_share` of the route's exchanges are asked beside, for
    at most `shadow_usd_per_day` (judges apart). In `differing` of the pairs one answer is thought to be the better; the new one
    may be so by `shadow_margin` less often than the other.
    """

    margin: float = 0.05
    cost_ratio: float | None = None
    saving: float = 0.0
    mean_usd: float = 0.0
    most_usd: float = 0.0
    guard: float = 0.03
    slow: float = 0.1
    slow_s: float = 60.0
    settle_s: float = 900.0
    shares: tuple[float, ...] = (0.01, 0.05, 0.2)
    least: int = 500
    error: float = 0.05
    power: float = 0.9
    quality: float = 0.8
    errors: float = 0.02
    compare: Literal["judges", "checks"] | None = None
    shadow_share: float = 0.1
    shadow_usd_per_day: Decimal = Decimal(5)
    shadow_margin: float = 0.1
    differing: float = 0.5


class TrialStep(msgspec.Struct, frozen=True):
    """Something that became of a trial, when, and why. `stage` is the one it came to."""

    at_s: float
    stage: str
    what: str
    why: str


class Trial(msgspec.Struct, frozen=True):
    """One trial. `number` is the stage under way, since `since_s`; `len(stages)` where it has come to full."""

    name: str
    route: str
    deployment: str
    direction: Direction
    salt: str
    terms: Terms
    stages: tuple[PlannedStage, ...]
    started_s: float
    number: int
    since_s: float
    standing: Standing = "running"
    steps: tuple[TrialStep, ...] = ()

    @property
    def only_beside(self) -> bool:
        """Whether it is in shadow: nobody's session is given to the deployment."""
        return self.standing == "running" and self.stages[self.number].stage.share is None

    @property
    def stage(self) -> str:
        """What the stage is called that is under way."""
        return self.stages[self.number].stage.name if self.number < len(self.stages) else FULL

    def went(self, at_s: float, standing: Standing, number: int, what: str, why: str) -> Trial:
        """The trial after a step."""
        moved = msgspec.structs.replace(self, standing=standing, number=number, since_s=at_s)
        return msgspec.structs.replace(moved, steps=(*self.steps, TrialStep(at_s, moved.stage, what, why)))


def plan_stages(terms: Terms) -> tuple[PlannedStage, ...]:
    """Every stage with the plans of its gates. Raises ValueError where something cannot be planned.

    In shadow pairs must show that answers are no worse than allowed. Early stages take few sessions and are there to take a bad
    one out: their gates guard. The last must show that quality, costs and errors are no worse than allowed.
    """
    early, last = terms.shares[:-1], terms.shares[-1]
    stages = [] if terms.compare is None else [Stage(SHADOW, None, _gates_of_pairs(terms))]
    stages += [Stage(_percent(share), share, _gates(terms, last=False), terms.least) for share in early]
    stages.append(Stage(_percent(last), last, _gates(terms, last=True), terms.least))
    return plan_ladder(stages, terms.error, terms.power).stages


def shadowing_of(trial: Trial, outcomes: OutcomePlan) -> Shadowing | None:
    """Who is asked beside for the trial; None where the settings do not say any more what answers are compared by."""
    terms = trial.terms
    if terms.compare is None or terms.compare not in ways_to_compare(outcomes):
        return None
    return Shadowing((trial.deployment,), terms.shadow_share, terms.compare, trial.name, trial.number)


def ways_to_compare(outcomes: OutcomePlan) -> tuple[Literal["judges", "checks"], ...]:
    """By what a route's answers can be compared, the better way first."""
    judges: tuple[Literal["judges"], ...] = () if outcomes.judging is None else ("judges",)
    checks: tuple[Literal["checks"], ...] = ("checks",) if outcomes.checks else ()
    return (*judges, *checks)


def budgets_of(trials: Sequence[Trial]) -> tuple[Budget, ...]:
    """What asking beside may cost for trials that are in shadow."""
    return tuple(budget_of_trial(one) for one in trials if one.only_beside)


def budget_of_trial(trial: Trial) -> Budget:
    """What may be spent in a day of UTC on asking beside for this trial."""
    budget = budget_of(trial.route, trial.terms.shadow_usd_per_day)
    return msgspec.structs.replace(budget, name=f"trial {trial.name}")


def _gates(terms: Terms, *, last: bool) -> tuple[Gate, ...]:
    rare = terms.errors * (1 - terms.errors)
    gates = [
        Gate("quality", terms.margin, terms.quality * (1 - terms.quality), required=last),
        Gate("errors", terms.guard, rare, required=last),
        Gate("refusals", terms.guard, rare, required=False),
        Gate("latency", terms.slow, 0.05, required=False),
    ]
    if terms.cost_ratio is not None:
        gates.insert(1, _cost_gate(terms, required=last))
    return tuple(gates)


def _gates_of_pairs(terms: Terms) -> tuple[Gate, ...]:
    """What pairs are asked: each is of one exchange, and a value of theirs is what the two differ by."""
    gates = [
        Gate("quality", terms.shadow_margin, terms.differing),
        Gate("errors", terms.guard, 2 * terms.errors * (1 - terms.errors), required=False),
        Gate("latency", terms.slow, 0.05, required=False),
    ]
    if terms.cost_ratio is not None:
        gates.insert(1, _cost_gate(terms, required=False))
    return tuple(gates)


def _cost_gate(terms: Terms, *, required: bool) -> Gate:
    part = terms.mean_usd / terms.most_usd
    truth = (terms.cost_ratio or 0.0) - (1 - terms.saving)
    # costs scatter about as much as they amount to: a guess of the plan, which costs time alone where it is wrong
    return Gate("cost", 0.0, max(part**2, 1e-6), truth * part, required=required)


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def on_trial(trial: Trial, *, added: bool) -> OnTrial:
    """The trial as its route meets it."""
    stages = tuple((one.stage.name, one.stage.share or 0.0) for one in trial.stages)
    return OnTrial(
        trial.name, trial.deployment, trial.direction, stages, trial.number, trial.salt, trial.standing, added
    )


def with_trials(routes: Sequence[Route], trials: Sequence[Trial], deployments: frozenset[str]) -> tuple[Route, ...]:
    """The routes with what is tried on them. A trial of a deployment that is not there any more changes nothing."""
    by_route = {trial.route: trial for trial in trials if trial.deployment in deployments}
    return tuple(
        route if (trial := by_route.get(route.name)) is None else _with_trial(route, trial) for route in routes
    )


def _with_trial(route: Route, trial: Trial) -> Route:
    if trial.only_beside:  # clients are answered as if there were no trial
        return msgspec.structs.replace(
            route, outcomes=msgspec.structs.replace(route.outcomes, trial=shadowing_of(trial, route.outcomes))
        )
    added = trial.deployment not in route.candidates
    if added and trial.direction == "out":
        return route
    candidates = (*route.candidates, trial.deployment) if added else route.candidates
    return msgspec.structs.replace(route, candidates=candidates, trial=on_trial(trial, added=added))

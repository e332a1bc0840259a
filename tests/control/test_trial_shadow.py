"""The shadow stage of a trial: when there is one, what it may cost, and how a route meets it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from entrepot.control.trial_shadow import check_cap, shadow_usd, with_shadow
from entrepot.control.trials import Terms, Trial, budgets_of, plan_stages, with_trials
from entrepot.errors import SettingsError
from entrepot.exchange.outcome_plan import Judging, OutcomePlan, SampledCheck, Shadowing
from entrepot.exchange.plan import Route
from entrepot.routing.validator import Validator
from tests.exchange.things import a_deployment

CHECKS = OutcomePlan(checks=(SampledCheck("right", Validator(regex="4711")),))
JUDGES = msgspec.structs.replace(CHECKS, judging=Judging(0.0, ("a/judge",), "right"))
TERMS = Terms(compare="checks", mean_usd=0.001, saving=0.2, shadow_usd_per_day=Decimal("0.5"))
NEW = msgspec.structs.replace(a_deployment(), max_output_tokens=500)


def a_route(outcomes: OutcomePlan = CHECKS, **facts: object) -> Route:
    return msgspec.structs.replace(Route("auto", ("old/model",), outcomes=outcomes), **facts)


def a_trial(terms: Terms = TERMS) -> Trial:
    return Trial("t", "auto", "new/model", "in", "salt", terms, plan_stages(terms), 1.0, 0, 1.0)


def test_answers_are_compared_by_judges_where_there_are_any_else_by_checks() -> None:
    for outcomes, way in ((CHECKS, "checks"), (JUDGES, "judges")):
        terms, notes = with_shadow(Terms(), a_route(outcomes), NEW, "in", wanted=True)
        assert (terms.compare, notes) == (way, ())


@pytest.mark.parametrize(
    ("outcomes", "direction", "wanted", "said"),
    [
        (OutcomePlan(), "in", True, "no shadow stage: route 'auto' has neither judges nor checks"),
        (CHECKS, "out", True, "no shadow stage: a model that is taken out answers already"),
        (CHECKS, "in", False, "no shadow stage: --no-shadow"),
    ],
)
def test_where_nothing_could_come_of_it_it_is_left_out_and_that_is_said(
    outcomes: OutcomePlan, direction: str, wanted: bool, said: str
) -> None:
    terms, (note,) = with_shadow(TERMS, a_route(outcomes), NEW, direction, wanted=wanted)  # type: ignore[arg-type]  # one of the two
    assert terms.compare is None
    assert note.startswith(said)
    assert plan_stages(terms)[0].stage.name == "1 %"


def test_a_cap_that_cannot_hold_is_refused_and_what_it_leaves_out_is_said() -> None:
    with pytest.raises(SettingsError, match="--no-shadow"):
        with_shadow(Terms(), a_route(), msgspec.structs.replace(NEW, price=None), "in", wanted=True)
    with pytest.raises(SettingsError, match="--shadow-usd must be"):
        check_cap(a_trial(msgspec.structs.replace(TERMS, shadow_usd_per_day=Decimal(0))))
    check_cap(a_trial())
    own = Shadowing(("x/y",), 0.1, "checks")
    endless = msgspec.structs.replace(NEW, max_output_tokens=None)
    route = a_route(msgspec.structs.replace(CHECKS, shadow=own))
    _, notes = with_shadow(Terms(), route, endless, "in", wanted=True)
    assert "max_output_tokens" in notes[0]
    assert "[routes.shadow]" in notes[1]
    _, notes = with_shadow(Terms(), a_route(max_output_tokens=100), endless, "in", wanted=True)
    assert notes == ()


def test_what_it_comes_to_is_the_pairs_planned_at_the_cost_expected() -> None:
    trial = a_trial()
    assert shadow_usd(trial) == pytest.approx(trial.stages[0].units * 0.0008)
    assert shadow_usd(a_trial(msgspec.structs.replace(TERMS, mean_usd=0.0))) is None
    assert shadow_usd(a_trial(msgspec.structs.replace(TERMS, compare=None))) is None


def test_in_shadow_a_route_asks_beside_and_nothing_else_of_it_is_another() -> None:
    own = Shadowing(("x/y",), 0.1, "checks")
    route = a_route(msgspec.structs.replace(CHECKS, shadow=own))
    trial, there = a_trial(), frozenset({"old/model", "new/model"})
    (met,) = with_trials((route,), [trial], there)
    assert met.outcomes.beside == (own, Shadowing(("new/model",), 0.1, "checks", "t", 0))
    plain = msgspec.structs.replace(met, outcomes=msgspec.structs.replace(met.outcomes, trial=None))
    assert plain == route
    (without,) = with_trials((a_route(OutcomePlan()),), [trial], there)
    assert without == a_route(OutcomePlan()), "the settings do not say any more what answers are compared by"


def test_what_it_may_cost_holds_as_long_as_it_lasts() -> None:
    trial, there = a_trial(), frozenset({"old/model", "new/model"})
    (budget,) = budgets_of([trial])
    told = (budget.name, budget.amount_usd, budget.period, budget.kind, budget.key, budget.route)
    assert told == ("trial t", Decimal("0.5"), "day", "hard", "shadow", "auto")
    after = trial.went(2.0, "running", 1, "advanced to 1 %", "well")
    out = trial.went(2.0, "rolled back", 0, "rolled back", "badly")
    for later in (after, out):
        assert budgets_of([later]) == ()
        (met,) = with_trials((a_route(),), [later], there)
        assert met.outcomes.beside == ()
        assert met.trial is not None

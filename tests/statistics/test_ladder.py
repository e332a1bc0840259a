"""What gates say together: one failure takes a model out, all required ones let it up, and the errors add up as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entrepot.statistics.arms import arm_differences, paired_differences
from entrepot.statistics.intervals import Interval
from entrepot.statistics.ladder import PATIENCE, Gate, Stage, Step, decide, plan_ladder
from entrepot.statistics.margin import Reading, Verdict, crossings

QUALITY, ERRORS = Gate("quality", 0.1, 0.16), Gate("errors", 0.05, 0.02)
STAGES = (
    Stage("shadow", None, (Gate("preference", 0.1, 0.2),)),
    Stage("20 %", 0.2, (QUALITY, ERRORS, Gate("slow", 0.1, 0.05, required=False)), least=500),
)
LADDER = plan_ladder(STAGES)
NOWHERE = Interval(math.nan, -math.inf, math.inf)


def reading(verdict: Verdict, units: int = 100) -> Reading:
    return Reading(verdict, units, None if verdict is Verdict.GO_ON else units, NOWHERE, False)


PASSED, FAILED, GO_ON = (reading(verdict) for verdict in Verdict)


def test_all_required_gates_let_it_up() -> None:
    found = decide(LADDER.stages[1], {"quality": PASSED, "errors": PASSED, "slow": GO_ON}, 600)
    assert found.step is Step.ADVANCE


def test_a_gate_that_guards_need_not_pass_but_takes_out() -> None:
    found = decide(LADDER.stages[1], {"quality": PASSED, "errors": PASSED, "slow": FAILED}, 10)
    assert (found.step, found.because) == (Step.ROLL_BACK, ("slow",))


def test_it_stays_while_a_required_gate_is_waited_for() -> None:
    found = decide(LADDER.stages[1], {"errors": PASSED}, 600)
    assert (found.step, found.waiting_for) == (Step.STAY, ("quality",))


def test_it_stays_until_the_least_units_are_there() -> None:
    assert decide(LADDER.stages[1], {"quality": PASSED, "errors": PASSED}, 499).step is Step.STAY
    assert decide(LADDER.stages[1], {"quality": PASSED, "errors": PASSED}, 500).step is Step.ADVANCE


def test_what_could_not_be_shown_in_twice_the_planned_time_is_over() -> None:
    units = LADDER.stages[1].plans["quality"].units
    late = reading(Verdict.GO_ON, math.ceil(PATIENCE * units))
    found = decide(LADDER.stages[1], {"quality": late, "errors": PASSED}, late.units)
    assert (found.step, found.because) == (Step.ROLL_BACK, ("quality",))
    soon = reading(Verdict.GO_ON, units + 1)
    assert decide(LADDER.stages[1], {"quality": soon, "errors": PASSED}, soon.units).step is Step.STAY


def test_the_errors_are_shared_out_as_stated() -> None:
    plans = [found for one in LADDER.stages for found in one.plans.values()]
    assert {found.error for found in plans} == {0.05}  # all must pass
    assert sum(found.fail_error for found in plans) == pytest.approx(0.05)
    assert sum(
        1 - LADDER.stages[at].plans[name].power for at, name in ((0, "preference"), (1, "quality"), (1, "errors"))
    ) == (pytest.approx(0.1))
    assert LADDER.units == sum(one.units for one in LADDER.stages)
    assert LADDER.stages[1].units >= LADDER.stages[1].plans["quality"].units


def runs(new: float, errors: float, seed: int, count: int = 200) -> np.ndarray:
    """How each of so many trials ends: whether it came to full within its planned units."""
    chance = np.random.default_rng(seed)
    shadow, lots = LADDER.stages
    n = shadow.units
    drawn = chance.random((n, count))
    liked = paired_differences(drawn < 0.1 + (new - 0.8) / 2, drawn > 0.9 + (new - 0.8) / 2)
    passed, failed = crossings(liked, shadow.plans["preference"])
    through: np.ndarray = (passed > 0) & ((failed == 0) | (passed < failed))
    n = lots.units
    a = chance.random((n, count)) < 0.2
    for name, rates in (("quality", (new, 0.8)), ("errors", (1 - errors, 0.98))):
        y = chance.random((n, count)) < np.where(a, *rates)
        passed, failed = crossings(arm_differences(a, 0.2, y), lots.plans[name])
        through &= (passed > 0) & ((failed == 0) | (passed < failed))
    return through


def test_a_good_one_comes_to_full_and_one_that_is_worse_at_any_gate_does_not() -> None:
    assert runs(0.8, 0.02, 31).mean() >= 0.87
    assert runs(0.7, 0.02, 32).mean() <= 0.08
    assert runs(0.8, 0.07, 33).mean() <= 0.08  # as good, but with too many errors


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ((), "requires no gate"),
        ((Stage("all", 0.2, (QUALITY._replace(required=False),)),), "requires no gate"),
        ((Stage("more", 0.2, (QUALITY,)), Stage("less", 0.1, (QUALITY,))), "they rise"),
        ((Stage("twice", 0.2, (QUALITY, QUALITY)),), "one name"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(stages: tuple[Stage, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        plan_ladder(stages)

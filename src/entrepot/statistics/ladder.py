"""A trial's way up: stages with rising shares, each with gates, and what the gates say together.

A new model goes up when every required gate of its stage has passed, is taken out when any gate has failed, and else stays.
The errors add up as follows, however often one looks:

- who comes to full although it is worse than the margin of some gate that the last stage requires has passed that gate, which
  happens with probability at most `error`. All gates must pass, so no gate needs a stricter level for the company of others
  (intersection-union, Berger 1982, Technometrics 24, 295-300);
- who is not worse than any margin is failed by some gate of some stage with probability at most `error` in all: each has its
  part of that (Bonferroni);
- who is equal in everything is past all stages within their planned units with probability `power`: what each required gate
  may miss is its part of 1 - power. A gate that only guards need not pass; it takes out who is shown to be worse.

Every gate of every stage is a test of its own, begun with the stage's first unit (`margin.weigh` of `arms.arm_differences` and
`costs.cost_differences`, in shadow of `arms.paired_differences` and `costs.paired_cost_differences`; of errors, refusals and
slow answers the outcome is one less that). A stage that has waited `PATIENCE` times as long as planned without a verdict is
over: nothing could be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from entrepot.statistics.arms import arm_span, difference_variance
from entrepot.statistics.margin import Plan, Reading, Verdict, plan

PATIENCE = 2.0


class Step(Enum):
    """What becomes of a trial now."""

    ADVANCE = "advance"
    STAY = "stay"
    ROLL_BACK = "roll back"


class Gate(NamedTuple):
    """One question of a stage. `margin` is how much worse is still well, in the unit of the outcome (0 for costs: see `truth`).

    `variance` is that of one outcome around what is expected of it, in either arm; of pairs, that of their difference. `truth`
    is the difference planned for: 0 for an equal one; for costs the saving expected, in parts of the cap. `required`: must pass
    before the stage is left; if not, it guards.
    """

    name: str
    margin: float
    variance: float = 0.25
    truth: float = 0.0
    required: bool = True


class Stage(NamedTuple):
    """A stage: `share` is the part of units that the new model answers, None in shadow, where both answer.

    `least` units are waited for, whatever the gates say.
    """

    name: str
    share: float | None
    gates: tuple[Gate, ...]
    least: int = 0


class PlannedStage(NamedTuple):
    """A stage with the plan of each of its gates, by name; `units` are what an equal model needs for all that are required."""

    stage: Stage
    plans: Mapping[str, Plan]
    units: int


class Ladder(NamedTuple):
    """All stages in order, with the errors that hold for the trial as a whole (see the module)."""

    stages: tuple[PlannedStage, ...]
    error: float
    power: float

    @property
    def units(self) -> int:
        """Within how many units an equal model is through, with probability `power`."""
        return sum(one.units for one in self.stages)


class Decision(NamedTuple):
    """What becomes of a trial, and the gates for which it does: those that failed or ran out of time, or are waited for."""

    step: Step
    because: tuple[str, ...]
    waiting_for: tuple[str, ...] = ()


def plan_ladder(stages: Sequence[Stage], error: float = 0.05, power: float = 0.9) -> Ladder:
    """Plan every gate of every stage. Raises ValueError on a ladder without a required gate at its last stage, on gates of
    one name in a stage, on shares that do not rise, and where a gate cannot be planned.
    """
    if not stages or not any(gate.required for gate in stages[-1].gates):
        raise ValueError("the last stage requires no gate, so anything would come to full")
    shares = [stage.share for stage in stages if stage.share is not None]
    if any(not 0 < share < 1 for share in shares) or shares != sorted(set(shares)):
        raise ValueError(f"shares of {shares}; they rise, strictly between 0 and 1")
    every = [gate for stage in stages for gate in stage.gates]
    required = sum(gate.required for gate in every)
    missed, wronged = (1 - power) / required, error / len(every)
    planned = tuple(_planned(stage, error, wronged, 1 - missed) for stage in stages)
    return Ladder(planned, error, power)


def decide(planned: PlannedStage, readings: Mapping[str, Reading], units: int) -> Decision:
    """What the gates of a stage say together, of readings by gate's name, `units` after the stage began.

    A gate without a reading has seen nothing yet. A failure counts at once, also before `least`.
    """
    verdicts = {gate.name: _verdict_of(readings.get(gate.name)) for gate in planned.stage.gates}
    failed = tuple(name for name, verdict in verdicts.items() if verdict is Verdict.FAILED)
    if failed:
        return Decision(Step.ROLL_BACK, failed)
    lacking = tuple(
        gate.name for gate in planned.stage.gates if gate.required and verdicts[gate.name] is not Verdict.PASSED
    )
    if not lacking:
        enough = units >= planned.stage.least
        return Decision(Step.ADVANCE, tuple(verdicts)) if enough else Decision(Step.STAY, ())
    late = tuple(
        name for name in lacking if name in readings and readings[name].units >= PATIENCE * planned.plans[name].units
    )
    return Decision(Step.ROLL_BACK, late) if late else Decision(Step.STAY, (), lacking)


def _planned(stage: Stage, error: float, wronged: float, power: float) -> PlannedStage:
    if len({gate.name for gate in stage.gates}) < len(stage.gates):
        raise ValueError(f"two gates of one name in stage {stage.name}")
    plans = {gate.name: _plan_of(gate, stage.share, error, wronged, power) for gate in stage.gates}
    needed = [plans[gate.name].units for gate in stage.gates if gate.required]
    return PlannedStage(stage, plans, max([stage.least, *needed]))


def _plan_of(gate: Gate, share: float | None, error: float, wronged: float, power: float) -> Plan:
    variance, span = gate.variance, 1.0
    if share is not None:
        variance, span = difference_variance(share, gate.variance, gate.variance), arm_span(share)
    return plan(gate.margin, variance, error, power, span=span, truth=gate.truth, fail_error=wronged)


def _verdict_of(reading: Reading | None) -> Verdict:
    return Verdict.GO_ON if reading is None else reading.verdict

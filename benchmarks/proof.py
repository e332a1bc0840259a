"""The proof of what docs/concepts/proof.md claims: 500 simulated months of each kind, with known truth, looked at all the time.

Run with `python benchmarks/proof.py [--months 500] [--only PART] [--json FILE]`; about two minutes. Every line says what was
simulated, what is claimed, what was found in so many of so many months, and whether the claim held. A month that is wrong at
any moment is wrong. Claims of at most 5 % are allowed 7 % for luck, of at least 90 % are held to 88 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.statistics import detection, drift
from entrepot.statistics.arms import arm_differences, arm_span, difference_variance, paired_differences
from entrepot.statistics.betting import Bounded, Horizon, first_crossing, log_capital
from entrepot.statistics.costs import cost_differences
from entrepot.statistics.intervals import mean_interval
from entrepot.statistics.judges import corrected_mean, corrected_outcomes
from entrepot.statistics.ladder import Gate, Ladder, Stage, plan_ladder
from entrepot.statistics.margin import Plan, crossings, plan
from entrepot.statistics.offpolicy import Logged, compare_routers

Doubles = NDArray[np.float64]
Truths = NDArray[np.bool_]
AT_ONCE = 50
"""Months simulated side by side."""
SESSIONS = 9_000
"""Sessions with an outcome in a month: three hundred a day."""


class Line(NamedTuple):
    """What was found: a part of so many months, against what is claimed of it."""

    what: str
    found: float
    months: int
    claim: str
    held: bool
    note: str = ""


class Proof:
    """Months of one kind after another, each from a chance of its own, so that lines may be run alone."""

    def __init__(self, months: int) -> None:
        self.months = months
        self.lines: list[Line] = []

    def at_most(self, what: str, wrong: Truths, note: str = "") -> None:
        """Five in a hundred; two more for luck."""
        self._add(what, wrong, "at most 5 %", float(wrong.mean()) <= 0.07, note)

    def at_least(self, what: str, right: Truths, note: str = "") -> None:
        """Nine in ten; two less for luck."""
        self._add(what, right, "at least 90 %", float(right.mean()) >= 0.88, note)

    def told(self, what: str, found: Truths, note: str = "") -> None:
        """For comparison; nothing is claimed."""
        self._add(what, found, "", True, note)

    def batches(self, seed: int) -> Iterator[tuple[np.random.Generator, int]]:
        """Chance and how many months, until there are enough."""
        chance = np.random.default_rng(seed)
        for start in range(0, self.months, AT_ONCE):
            yield chance, min(AT_ONCE, self.months - start)

    def _add(self, what: str, found: Truths, claim: str, held: bool, note: str) -> None:
        self.lines.append(Line(what, float(found.mean()), len(found), claim, held, note))
        mark = "" if not claim else "held" if held else "BROKEN"
        print(f"{what:<88} {found.mean():7.1%} of {len(found):>4}  {claim:<13} {mark:<6} {note}", flush=True)


class Month(NamedTuple):
    """Sessions side by side, all (n, months): arm, outcome, and what the router expected of the new and of the running."""

    new: NDArray[np.bool_]
    outcome: Doubles
    expected_new: Doubles
    expected_running: Doubles


def month_of(
    chance: np.random.Generator, months: int, share: float, rate: float, change: float, sessions: int = SESSIONS
) -> Month:
    """Prompts of three kinds whose quality the router knows but for noise; the new one differs by `change` in all of them."""
    kinds = np.array([min(0.99, rate + 0.18), rate, 2 * rate - min(0.99, rate + 0.18)])
    quality = kinds[chance.integers(0, 3, (sessions, months))]
    new = chance.random(quality.shape) < share
    outcome = (chance.random(quality.shape) < quality + change * new).astype(np.float64)
    seen = np.clip(quality + chance.normal(0, 0.05, quality.shape), 0, 1)
    return Month(new, outcome, seen, seen)


def ever_outside(series: Bounded, truth: float, horizon: Horizon) -> Truths:
    """Whether a two-sided interval of 95 % is wrong after any unit."""
    return np.logical_or(
        *(first_crossing(log_capital(series, truth, horizon, 0.025, above=above), 0.025) > 0 for above in (True, False))
    )


def passes(series: Bounded, planned: Plan) -> Truths:
    """Whether each month's test says passed before it says anything else."""
    passed, failed = crossings(series, planned)
    return (passed > 0) & ((failed == 0) | (passed < failed))


def intervals(proof: Proof) -> None:
    """Coverage under peeking: by experiment, plain and adjusted, and in pairs."""
    for share in (0.5, 0.1):
        horizon = Horizon(SESSIONS, difference_variance(share, 0.15, 0.15))
        plain, adjusted, narrower = [], [], []
        for chance, months in proof.batches(1):
            m = month_of(chance, months, share, 0.8, -0.02)
            one = arm_differences(m.new, share, m.outcome)
            two = arm_differences(m.new, share, m.outcome, (m.expected_new, m.expected_running))
            plain.append(ever_outside(one, -0.02, horizon))
            adjusted.append(ever_outside(two, -0.02, horizon))
            narrower.append(two.values.var(axis=0) / one.values.var(axis=0))
        proof.at_most(f"interval of a quality difference ever wrong, share {share}", np.concatenate(plain))
        proof.at_most(
            f"the same, adjusted by the router's predictions, share {share}",
            np.concatenate(adjusted),
            f"variance {np.concatenate(narrower).mean():.2f} of the plain one",
        )
    fixed = []
    for chance, months in proof.batches(2):
        m = month_of(chance, months, 0.5, 0.8, 0.0)
        f = arm_differences(m.new, 0.5, m.outcome).values
        looks = [[mean_interval(f[:n, at]) for n in range(300, SESSIONS + 1, 300)] for at in range(months)]
        fixed.append(np.array([any(not one.low <= 0 <= one.high for one in run) for run in looks]))
    proof.told("for comparison: the usual 95 % interval, looked at daily, ever wrong", np.concatenate(fixed))


def trials(proof: Proof) -> None:
    """The test of non-inferiority: five points of margin, planned size."""
    for share, rate in ((0.5, 0.8), (0.2, 0.8), (0.2, 0.95), (0.05, 0.9)):
        spread = rate * (1 - rate)
        planned = plan(0.05, difference_variance(share, spread, spread), span=arm_span(share))
        name = f"share {share}, quality {rate}"
        for change, seed in ((-0.05, 3), (0.0, 4)):
            found = []
            for chance, months in proof.batches(seed):
                a = chance.random((planned.units, months)) < share
                y = chance.random(a.shape) < rate + change * a
                found.append(passes(arm_differences(a, share, y), planned))
            note = f"{planned.units:,} sessions planned"
            if change:
                proof.at_most(f"worse by the margin of 5 points, passed; {name}", np.concatenate(found), note)
            else:
                proof.at_least(f"equal, passed within the plan; {name}", np.concatenate(found), note)
    planned = plan(0.05, 0.2)
    for change, seed in ((0.05, 5), (0.0, 6)):
        found = []
        for chance, months in proof.batches(seed):
            lot = chance.random((planned.units, months))
            found.append(passes(paired_differences(lot < 0.1 - change / 2, lot > 0.9 - change / 2), planned))
        what = "worse by the margin, passed" if change else "equal, passed within the plan"
        (proof.at_most if change else proof.at_least)(
            f"shadow pairs of which a fifth differ: {what}", np.concatenate(found), f"{planned.units:,} pairs planned"
        )


def falls(proof: Proof) -> None:
    """A model that turns five points worse overnight, and one that does not."""
    watch = detection.Watch()
    before = 3000
    for rate in (0.9, 0.8, 0.65):
        still, high, caught, delays = [], [], [], []
        for chance, months in proof.batches(7):
            y = chance.random((watch.within, months)) < rate
            still.append(detection.first_alarm(y, rate, watch) > 0)
            high.append(detection.first_alarm(y, rate + 0.005, watch) > 0)
            fallen = np.concatenate([y[:before], chance.random((2000, months)) < rate - 0.05])
            at = detection.first_alarm(fallen, rate, watch)
            awake = (at == 0) | (at > before)
            caught.append((at > before)[awake])
            delays.append((at - before)[at > before])
        late = np.quantile(np.concatenate(delays), [0.5, 0.9])
        proof.at_most(f"no fall in {watch.within:,} outcomes, alarm; quality {rate}", np.concatenate(still))
        proof.told(f"the same, half a point more expected than is true; quality {rate}", np.concatenate(high))
        proof.at_least(
            f"five points worse overnight, out within 2,000 exchanges; quality {rate}",
            np.concatenate(caught),
            f"half within {late[0]:,.0f}, nine in ten within {late[1]:,.0f}",
        )


def costs(proof: Proof) -> None:
    """The cost gate: log-normal and Pareto costs, capped at fifty times the running mean; at most 60 % is claimed."""
    n, most, share, ratio = 6000, 50.0, 0.2, 0.6
    draws: dict[str, Callable[[np.random.Generator, tuple[int, int]], Doubles]] = {
        "log-normal, sd of the log 1.5": lambda chance, shape: np.exp(chance.normal(-1.125, 1.5, shape)),
        "Pareto, tail 2.2": lambda chance, shape: chance.pareto(2.2, shape) * 1.2,
    }
    for name, draw in draws.items():
        many = draw(np.random.default_rng(8), (4000, 1000))
        capped = float(np.minimum(0.6 * many, most).mean() / np.minimum(many, most).mean())
        planned = plan(0.0, 20 / most**2, span=2 * arm_span(share) / most, truth=0.3 / most)
        for scale, allowed in ((0.6, capped), (0.2, ratio)):
            found = []
            for chance, months in proof.batches(9):
                a = chance.random((n, months)) < share
                c = draw(chance, a.shape) * np.where(a, scale, 1.0)
                found.append(passes(cost_differences(a, share, c, most, allowed), planned))
            if scale == ratio:
                proof.at_most(f"as dear as the cost gate allows, passed; {name}", np.concatenate(found))
            else:
                proof.at_least(f"a third of that, passed within {n:,} sessions; {name}", np.concatenate(found))


def ladders(proof: Proof) -> None:
    """A whole trial: preference in shadow, then 1, 5 and 20 percent with errors as a guard and quality required at the end."""
    errors, slow = Gate("errors", 0.05, 0.02, required=False), Gate("slow", 0.1, 0.05, required=False)
    ladder = plan_ladder(
        (
            Stage("shadow", None, (Gate("preference", 0.08, 0.2),)),
            Stage("1 %", 0.01, (errors,), least=2000),
            Stage("5 %", 0.05, (errors, slow), least=2000),
            Stage("20 %", 0.2, (Gate("quality", 0.05, 0.16), Gate("errors", 0.03, 0.02), slow)),
        )
    )
    through = f"{ladder.units:,} sessions planned in all"
    proof.at_least(
        "ladder: equal in everything, to full within the plan", _climb(proof, ladder, 0.0, 0.02, 10), through
    )
    proof.at_most("ladder: quality worse by the margin, to full", _climb(proof, ladder, -0.05, 0.02, 11))
    proof.at_most("ladder: as good, errors worse by the margin, to full", _climb(proof, ladder, 0.0, 0.05, 12))


def _climb(proof: Proof, ladder: Ladder, change: float, errors: float, seed: int) -> Truths:
    found = []
    for chance, months in proof.batches(seed):
        up = np.ones(months, dtype=bool)
        for one in ladder.stages:
            lot = chance.random((one.units, months))
            a = lot < (one.stage.share or 0)
            for gate in one.stage.gates:
                if one.stage.share is None:
                    series = paired_differences(
                        chance.random(lot.shape) < 0.1 + change / 2, chance.random(lot.shape) < 0.1 - change / 2
                    )
                else:
                    new, running = {
                        "quality": (0.8 + change, 0.8),
                        "errors": (1 - errors, 0.98),
                        "slow": (0.95, 0.95),
                    }[gate.name]
                    y = chance.random(lot.shape) < np.where(a, new, running)
                    series = arm_differences(a, one.stage.share, y)
                passed, failed = crossings(series, one.plans[gate.name])
                up &= (passed > 0) & ((failed == 0) | (passed < failed)) if gate.required else failed == 0
        found.append(up)
    return np.concatenate(found)


def judges(proof: Proof) -> None:
    """Judges right in about four of five, who say of a long answer that it is better; one label in ten by people."""
    truth, n = 0.5, 2000
    outside, wrong, uncorrected = [], [], []
    for chance, months in proof.batches(13):
        better = chance.random((n, months)) < truth
        long = chance.random((n, months)) < 0.6
        slip = np.where(long & ~better, 0.45, np.where(better & ~long, 0.2, 0.08))
        judged = (better ^ (chance.random((n, months)) < slip)).astype(np.float64)
        y = better.astype(np.float64)
        asked = chance.random((n, months)) < 0.1
        wrong.append(ever_outside(corrected_outcomes(judged, y, asked, 0.1), truth, Horizon(n, 2.0)))
        for at in range(months):
            drawn = asked[:, at]
            one = corrected_mean(judged[~drawn, at], judged[drawn, at], y[drawn, at])
            outside.append(not one.low <= truth <= one.high)
            plain = mean_interval(judged[:, at])
            uncorrected.append(not plain.low <= truth <= plain.high)
    proof.at_most("judges with a bias, corrected: interval of one look wrong", np.array(outside))
    proof.at_most("judges with a bias, corrected: always-valid interval ever wrong", np.concatenate(wrong))
    proof.told("for comparison: the same judges believed, interval wrong", np.array(uncorrected))


def routers(proof: Proof) -> None:
    """Refitted routers against the running one on a later slice, three candidates, a tenth explored."""
    rates = np.array([[0.92, 0.88, 0.8], [0.5, 0.62, 0.8]])
    alike = np.array([[0.92, 0.88, 0.8], [0.5, 0.62, 0.62]])
    for moved, quality, n, what in (
        (0.6, alike, 4000, "no better"),
        (-0.1, rates, 4000, "a little worse"),
        (-0.4, rates, 4000, "worse"),
        (0.6, rates, 4000, "better"),
        (0.6, rates, 12_000, "better"),
    ):
        found = [
            compare_routers(_slice_of(chance, quality, moved, n), n).promote
            for chance, months in proof.batches(14)
            for _ in range(months)
        ]
        gain = float((quality[1, 2 if moved > 0 else 0] - quality[1, 1]) * abs(moved) * (0.45 + 0.1 / 3) / 2)
        name = f"refitted router that is {what}, promoted on {n:,} exchanges"
        say = proof.told if gain > 0 else proof.at_most
        say(name, np.array(found), f"truly {100 * gain:+.1f} points")


def _slice_of(chance: np.random.Generator, rates: Doubles, moved: float, n: int) -> Logged:
    """The other router takes a part of the hard prompts from the second candidate, to the third or (below zero) the first."""
    hard = chance.integers(0, 2, n)
    running = np.tile([0.45, 0.45, 0.0], (n, 1)) + 0.1 / 3
    other = running.copy()
    shifted = abs(moved) * running[:, 1] * hard
    other[:, 1] -= shifted
    other[:, 2 if moved > 0 else 0] += shifted
    chosen = (chance.random(n)[:, None] > running.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    reward = (chance.random(n) < rates[hard, chosen]).astype(np.float64)
    expected = np.clip(rates[hard] + chance.normal(0, 0.1, rates.shape)[hard], 0, 1)
    return Logged(chosen, reward, running, other, expected)


def drifts(proof: Proof) -> None:
    """Alarms where nothing changed, and where something did; a third of the months, for these go one at a time."""
    wary = drift.Wary(within=SESSIONS)
    shares = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
    chance = np.random.default_rng(15)
    moved_to = shares + np.array([-0.1, 0, 0, 0.1, 0])
    count = max(20, proof.months // 3)
    quiet, moved, calm, wrong = [], [], [], []
    for _ in range(count):
        at = chance.choice(5, SESSIONS, p=shares)
        quiet.append(drift.first_alarm(drift.shares_suspicion(at, shares), wary) is not None)
        other = np.concatenate([at[:2000], chance.choice(5, 2000, p=moved_to)])
        found = drift.first_alarm(drift.shares_suspicion(other, shares), wary)
        moved.append(found is not None and found > 2000)
        p = chance.choice([0.3, 0.6, 0.9], SESSIONS)
        y = chance.random(SESSIONS) < p
        calm.append(drift.first_alarm(drift.calibration_suspicion(y, p, wary), wary) is not None)
        late = np.concatenate([y[:2000], chance.random(3000) < p[2000:5000] - 0.1])
        found = drift.first_alarm(drift.calibration_suspicion(late, p[:5000], wary), wary)
        wrong.append(found is not None and found > 2000)
    proof.at_most("drift: domains as they were, alarm", np.array(quiet))
    proof.at_least("drift: ten points of prompts move to another domain, alarm within 2,000", np.array(moved))
    proof.at_most("drift: outcomes as expected, alarm", np.array(calm))
    proof.at_least("drift: outcomes ten points below what is expected, alarm within 3,000", np.array(wrong))


PARTS = (intervals, trials, falls, costs, ladders, judges, routers, drifts)


def main(arguments: list[str]) -> int:
    """Run all, or the part named; 1 if a claim is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=[part.__name__ for part in PARTS])
    parser.add_argument("--months", type=int, default=500)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    proof, started = Proof(asked.months), time.process_time()
    for part in PARTS:
        if not asked.only or part.__name__ in asked.only:
            part(proof)
    print(f"{time.process_time() - started:,.0f} s of CPU")
    if asked.json:
        asked.json.write_text(json.dumps([line._asdict() for line in proof.lines], indent=1) + "\n", encoding="utf-8")
    return int(not all(line.held for line in proof.lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

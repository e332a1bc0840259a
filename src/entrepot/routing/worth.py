"""The worth of a right answer that stands behind "cheapest within so many points, on average", and what may be promised of it.

Over all requests, quality is had for least where every request is given to the candidate of the highest *worth times
P(correct) less expected cost*, with one worth for all. Which worth keeps the average within `max_loss` of the reference is
found by making the choice on past prompts with today's prices, once for a route, and again when prices change. With
`confidence` the worths are settings that `guarantee.py` tests on outcomes; without outcomes nothing is promised.

Rules of this file: pure. The choice made here for many prompts is the one that `goals.by_worth` makes for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.routing.guarantee import Promise, fewest_prompts, make_promise, order_settings
from entrepot.routing.rehearsal import Rehearsal

Doubles = NDArray[np.float64]

FEWEST_OUTCOMES = 30
"""Prompts that all were asked: with fewer, outcomes say less than estimates."""

_HIGHEST, _LOWEST, _FINE = 2000.0, 0.1, 160  # worths, in mean costs of a call to the reference
_SETTINGS = 24
_ENOUGH = 500  # prompts, to space the settings by
_LEAST_PART = 0.5  # of the reference's outcomes that a candidate needs, to be chosen under a promise


class Expected(msgspec.Struct, frozen=True, eq=False):
    """What is expected of each deployment on past prompts, shapes (prompts, deployments); a cost is infinite where unknown.

    `quality` is NaN where there is no outcome.
    """

    deployments: tuple[str, ...]
    p_correct: Doubles
    cost_usd: Doubles
    quality: Doubles
    learned: NDArray[np.bool_]

    def only(self, prompts: NDArray[np.intp]) -> Expected:
        """The same with these prompts alone."""
        names = ("p_correct", "cost_usd", "quality", "learned")
        return msgspec.structs.replace(self, **{name: getattr(self, name)[prompts] for name in names})

    def among(self, columns: Sequence[int]) -> Expected:
        """The same with these deployments alone."""
        names = ("p_correct", "cost_usd", "quality")
        kept = {name: getattr(self, name)[:, columns] for name in names}
        return msgspec.structs.replace(self, deployments=tuple(self.deployments[i] for i in columns), **kept)


class Knob(msgspec.Struct, frozen=True):
    """What a goal over all of a route's requests comes to with the prices of the day.

    `worth_usd` is what a right answer is worth; the choice is the best of worth times P(correct) less expected cost among
    the reference and what is no dearer. `among` are the deployments that may go first (None: all). `expected_loss`,
    `cost_share` (of the reference's cost) and `moved` (share of requests that leave the reference) are what the choice comes
    to on past prompts, by outcomes where `measured`, else by estimates. A `promise` was asked for where there is one; if it is
    refused, everything goes to the reference. `left_out` are candidates without outcomes enough for it.
    """

    worth_usd: float
    expected_loss: float
    cost_share: float
    moved: float
    prompts: int
    measured: bool
    data: str = ""
    date: str = ""
    among: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    promise: Promise | None = None

    @property
    def refused(self) -> bool:
        """Whether a promise was asked for that cannot be made."""
        return self.promise is not None and self.promise.setting is None

    @property
    def came_to(self) -> str:
        """What the choice comes to on past prompts, in words."""
        lost = f"{abs(100 * self.expected_loss):.1f} points {'lost' if self.expected_loss >= 0 else 'won'} on average"
        return f"{lost}, at {self.cost_share:.0%} of the reference's cost"

    def __str__(self) -> str:
        how = "by outcomes of" if self.measured else "by estimates alone, for"
        on = f"{self.prompts:,} past prompts{f' of {self.data}' if self.data else ''}"
        return f"with it {self.came_to}, {how} {on}"


def expect(
    rehearsal: Rehearsal,
    deployments: Sequence[Deployment],
    tariffs: Mapping[str, Tariff],
    at_s: float,
    max_output_tokens: int | None = None,
) -> Expected:
    """Past prompts at the prices of `at_s` (Unix seconds), for deployments of bound models."""
    columns = [rehearsal.models.index(one.model) for one in deployments]
    lengths, place = np.unique(rehearsal.input_tokens, return_inverse=True)
    cost = np.full((len(place), len(columns)), np.inf)
    for number, (deployment, column) in enumerate(zip(deployments, columns, strict=True)):
        tariff = tariffs.get(deployment.id)
        if tariff is not None:
            rates = np.array([tariff.usd_per_token(int(length), at_s) for length in lengths.tolist()])[place]
            limits = [limit for limit in (max_output_tokens, deployment.max_output_tokens) if limit is not None]
            tokens = np.minimum(rehearsal.output_tokens[:, column], min(limits, default=np.inf))
            cost[:, number] = rehearsal.input_tokens * rates[:, 0] + tokens * rates[:, 1]
    return Expected(
        tuple(one.id for one in deployments),
        rehearsal.p_correct[:, columns],
        cost,
        rehearsal.quality[:, columns],
        rehearsal.learned,
    )


def choose(expected: Expected, reference: int, worths: Sequence[float]) -> NDArray[np.intp]:
    """The deployment of each prompt at each worth, shape (prompts, worths); never one dearer than the reference."""
    barred = expected.cost_usd > expected.cost_usd[:, [reference]]
    cost = np.where(barred, np.inf, expected.cost_usd)
    return np.stack([(worth * expected.p_correct - cost).argmax(axis=1) for worth in worths], axis=1)


def find_knob(expected: Expected, reference: int, max_loss: float, data: str = "") -> Knob | None:
    """The least expensive worth whose average loss on past prompts is at most `max_loss`; if there is none, only the
    reference may go first.

    By outcomes where all deployments have enough of them, else by estimates. None where the reference has no price above
    nothing, or there are no prompts: then there is nothing to weigh against.
    """
    complete = np.flatnonzero(~np.isnan(expected.quality).any(axis=1))
    measured = len(complete) >= FEWEST_OUTCOMES
    seen = expected.only(complete) if measured else expected
    worths = _worths(seen, reference)
    if not worths:
        return None
    choices = choose(seen, reference, worths)
    losses = _losses(seen, reference, choices, by_outcomes=measured).mean(axis=0)
    costs = _chosen(seen.cost_usd, choices).mean(axis=0)
    holding = np.flatnonzero(losses <= max_loss + 1e-12)
    if not len(holding):
        alone = expected.deployments[reference]
        return Knob(worths[0], 0.0, 1.0, 0.0, len(choices), measured, data, among=(alone,))
    at = int(holding[costs[holding].argmin()])
    return _knob(seen, reference, choices[:, at], worths[at], float(losses[at]), measured, data)


def promise_knob(
    expected: Expected,
    reference: int,
    max_loss: float,
    confidence: float,
    data: str = "",
    date: str = "",
) -> Knob:
    """The knob of which can be promised, with `confidence`, that the average loss is at most `max_loss`; or a refusal.

    Deployments that were not asked enough of the reference's prompts are left out. Settings are ordered on the prompts that
    were learned from, by estimates if there are none, and tested on the others.
    """
    known = ~np.isnan(expected.quality)
    asked = known[known[:, reference]].sum(axis=0)
    kept = [i for i in range(len(asked)) if i == reference or asked[i] > _LEAST_PART * asked[reference]]
    left_out = tuple(id_ for i, id_ in enumerate(expected.deployments) if i not in kept)
    expected = expected.among(kept)
    reference = kept.index(reference)
    expected = expected.only(np.flatnonzero(~np.isnan(expected.quality).any(axis=1)))
    name = expected.deployments[reference]
    testing, before = (expected.only(np.flatnonzero(expected.learned == told)) for told in (False, True))
    worths = _spaced(expected, reference) if len(testing.learned) else []
    if not worths:
        refusal = refuse(name, max_loss, confidence, len(testing.learned), data, date)
        return msgspec.structs.replace(refusal, left_out=left_out)
    by_outcomes = len(before.learned) > 0
    ordering = before if by_outcomes else testing
    ahead = choose(ordering, reference, worths)
    mean, deviation = _before(ordering, reference, ahead, by_outcomes=by_outcomes)
    cost = _chosen(ordering.cost_usd, ahead).mean(axis=0)
    order = order_settings(mean, deviation, cost, max_loss, len(testing.learned))
    choices = choose(testing, reference, worths)
    losses = _losses(testing, reference, choices, by_outcomes=True)
    promise = make_promise(
        losses, order, reference=name, max_loss=max_loss, confidence=confidence, data=data, date=date
    )
    at = order[0] if promise.setting is None else promise.setting
    knob = _knob(testing, reference, choices[:, at], worths[at], float(losses[:, at].mean()), True, data, date)
    if promise.setting is None:
        promise = msgspec.structs.replace(promise, needed=needed_prompts(losses[:, at], max_loss, confidence))
    return msgspec.structs.replace(knob, among=expected.deployments, left_out=left_out, promise=promise)


def refuse(
    reference: str, max_loss: float, confidence: float, prompts: int = 0, data: str = "", date: str = ""
) -> Knob:
    """A refusal for want of anything to test on."""
    promise = Promise(reference, max_loss, confidence, None, prompts, 1.0, data, date)
    return Knob(0.0, 0.0, 1.0, 0.0, prompts, False, data, date, promise=promise)


def needed_prompts(losses: Doubles, max_loss: float, confidence: float) -> int | None:
    """About how many prompts like these a promise might take; None if they speak against it.

    Where the loss seen is above what is allowed, and no more than chance explains, half of what is allowed is assumed.
    """
    if not len(losses) or max_loss >= 1:
        return None
    room = max_loss - float(losses.mean())
    sure = NormalDist().inv_cdf(confidence)
    variance = max(float(losses.var()), max_loss * (1 - max_loss) / 2)
    if room <= 0:
        if -room > sure * (variance / len(losses)) ** 0.5 or max_loss == 0:
            return None
        room = max_loss / 2
    # those that there are were not enough, whatever the approximation says; nor are those that a promise without a loss takes
    least = fewest_prompts(max_loss, confidence) if (losses == np.round(losses)).all() else 0
    return int(10 * np.ceil(max((sure / room) ** 2 * variance, 1.25 * len(losses), least) / 10))


def _worths(expected: Expected, reference: int) -> list[float]:
    """Worths from far above any cost to far below, highest first; none where the reference costs nothing, or who knows what."""
    cost = expected.cost_usd[:, reference]
    unit = float(cost.mean()) if len(cost) else 0.0
    if not 0 < unit < np.inf:
        return []
    return [float(worth) for worth in np.geomspace(_HIGHEST, _LOWEST, _FINE) * unit]


def _spaced(expected: Expected, reference: int) -> list[float]:
    """A few worths at about equal steps of cost, highest first: every setting that is tested has to be passed on the way."""
    fine = _worths(expected, reference)
    if not fine:
        return []
    expected = expected.only(np.arange(0, len(expected.learned), max(1, len(expected.learned) // _ENOUGH)))
    costs = _chosen(expected.cost_usd, choose(expected, reference, fine)).mean(axis=0)
    wanted = np.linspace(costs.max(), costs.min(), _SETTINGS)
    picked = [int(np.argmax(costs <= level * (1 + 1e-12))) for level in wanted[1:]]
    return [fine[i] for i in dict.fromkeys([0, *picked])]


def _chosen(values: Doubles, choices: NDArray[np.intp]) -> Doubles:
    return np.asarray(np.take_along_axis(values, choices, axis=1))


def _losses(expected: Expected, reference: int, choices: NDArray[np.intp], *, by_outcomes: bool) -> Doubles:
    values = expected.quality if by_outcomes else expected.p_correct
    return values[:, [reference]] - _chosen(values, choices)


def _before(
    expected: Expected, reference: int, choices: NDArray[np.intp], *, by_outcomes: bool
) -> tuple[Doubles, Doubles]:
    """Mean and deviation of the loss of each setting, as far as they are known before calibration."""
    losses = _losses(expected, reference, choices, by_outcomes=by_outcomes)
    if by_outcomes:
        return losses.mean(axis=0), losses.std(axis=0)
    p = _chosen(expected.p_correct, choices)
    best = expected.p_correct[:, [reference]]
    variance = np.where(choices == reference, 0.0, p * (1 - p) + best * (1 - best))
    return losses.mean(axis=0), np.sqrt(variance.mean(axis=0))


def _knob(
    seen: Expected,
    reference: int,
    choices: NDArray[np.intp],
    worth: float,
    loss: float,
    measured: bool,
    data: str,
    date: str = "",
) -> Knob:
    cost = _chosen(seen.cost_usd, choices[:, None]).mean()
    return Knob(
        worth_usd=worth,
        expected_loss=loss,
        cost_share=float(cost / seen.cost_usd[:, reference].mean()),
        moved=float((choices != reference).mean()),
        prompts=len(choices),
        measured=measured,
        data=data,
        date=date,
    )

"""Ways to answer prompts, from one call chosen in advance to several models asked in turn, each with a knob.

Rules of this file: a strategy learns from the prompts of one pool and is tried on another's, of which it sees prompts,
prices, and the answers of those models that it asks; nothing else. All calls are billed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.pool import Doubles, Pool
from entrepot.routing.agreement import Ballots, Played, play
from entrepot.routing.agreement_fit import choose_members, cross_play
from entrepot.routing.base import ModelFacts, Router
from entrepot.routing.logistic import logit

WORTHS = tuple(float(worth) for worth in np.geomspace(0.5, 500, 49))
"""What a right answer is worth, in mean costs of a call to the reference."""
_COMMITTEE_WORTHS = tuple(float(worth) for worth in np.geomspace(1, 60, 20))
_LOGIT_MARGIN = 0.02
FOLDS = 5
_FEW_PROMPTS = 2500


class Predicted(msgspec.Struct, frozen=True, eq=False):
    """Estimates for a pool's prompts, shapes (prompts, models); for prompts learned from they are cross-fitted."""

    p_correct: Doubles
    output_tokens: Doubles


class Strategy(msgspec.Struct, frozen=True, eq=False):
    """What a strategy did at each knob: on the prompts learned from (cross-fitted) and on the test's.

    `knobs` are what a right answer is worth in US dollars; NaN where there is no knob.
    """

    name: str
    before_call: bool
    knobs: tuple[float, ...]
    learned: tuple[Played, ...]
    tested: tuple[Played, ...]


def predict(router: Router, pool: Pool, facts: Mapping[str, ModelFacts]) -> Predicted:
    """The router's estimates for the pool's models, one prompt at a time as in the gateway."""
    bound = router.bind(pool.models, facts)
    estimates = [bound.predict(prompt) for prompt in pool.prompts]
    return Predicted(
        np.array([estimate.p_correct for estimate in estimates], np.float64),
        np.array([estimate.output_tokens for estimate in estimates], np.float64),
    )


def before_call(name: str, train: Pool, test: Pool, learned: Predicted, tested: Predicted) -> Strategy:
    """One call, to the model of the best P(correct) times a right answer's worth less expected cost."""
    unit = float(train.cost_usd[:, train.best].mean())
    knobs = tuple(worth * unit for worth in WORTHS)
    return Strategy(
        name,
        before_call=True,
        knobs=knobs,
        learned=tuple(_weighted(train, learned, knob) for knob in knobs),
        tested=tuple(_weighted(test, tested, knob) for knob in knobs),
    )


def fixed(name: str, train: Pool, test: Pool, learned: NDArray[np.intp], tested: NDArray[np.intp]) -> Strategy:
    """Given choices, without a knob."""
    return Strategy(
        name,
        before_call=True,
        knobs=(float("nan"),),
        learned=(_called(train, learned, np.full(len(learned), np.nan)),),
        tested=(_called(test, tested, np.full(len(tested), np.nan)),),
    )


def agreement(train: Pool, test: Pool, learned: Predicted, tested: Predicted, seed: int) -> Strategy:
    """Models asked in turn until their answers agree well enough for the price of another opinion."""
    members = choose_members(train.quality, train.cost_usd)
    models = [train.models[i] for i in members]
    unit = float(train.cost_usd[:, train.best].mean())
    worths = [worth * unit for worth in _COMMITTEE_WORTHS]
    ballots = _ballots(train, learned, members)
    folds = FOLDS if len(train.prompts) > _FEW_PROMPTS else 2 * FOLDS
    committee, crossed = cross_play(models, ballots, train.quality[:, members], worths, folds, seed)
    seen = _ballots(test, tested, members)
    played = [play(committee, seen, setting) for setting in range(len(worths))]
    return Strategy(
        "auto-agreement",
        before_call=False,
        knobs=tuple(worths),
        learned=tuple(_renumbered(one, members) for one in crossed),
        tested=tuple(_renumbered(one, members) for one in played),
    )


def mixed(played: Sequence[Played], knob: NDArray[np.intp]) -> Played:
    """Of each prompt what was done at its knob."""
    rows = np.arange(len(knob))
    return Played(*(np.stack([getattr(one, name) for one in played])[knob, rows] for name in Played.__struct_fields__))


def _weighted(pool: Pool, predicted: Predicted, worth: float) -> Played:
    expected_usd = pool.expected_usd(predicted.output_tokens)
    choice = (worth * predicted.p_correct - expected_usd).argmax(axis=1)
    return _called(pool, choice, predicted.p_correct[np.arange(len(choice)), choice])


def _called(pool: Pool, choice: NDArray[np.intp], p_correct: Doubles) -> Played:
    return Played(choice[:, None], choice, p_correct, pool.cost_usd[np.arange(len(choice)), choice])


def _ballots(pool: Pool, predicted: Predicted, members: Sequence[int]) -> Ballots:
    columns = list(members)
    surprise = np.log(np.maximum(pool.output_tokens, 1)) - np.log(np.maximum(predicted.output_tokens, 1))
    return Ballots(
        logits=logit(predicted.p_correct[:, columns], _LOGIT_MARGIN),
        answers=pool.answers[:, columns],
        surprise=surprise[:, columns],
        cost_usd=pool.cost_usd[:, columns],
    )


def _renumbered(played: Played, members: Sequence[int]) -> Played:
    """With the pool's numbers of the models in place of the committee's."""
    numbers = np.array([*members, -1])
    return msgspec.structs.replace(played, asked=numbers[played.asked], accepted=numbers[played.accepted])

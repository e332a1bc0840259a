"""Learning how models answer from who was right, by kind of answer: maximum likelihood of what random few of them said.

Rules of this file: estimates must be cross-fitted, or trust in them is misplaced. Only four numbers a kind are learned, from a
few hundred prompts, by stepping along one after the other while that helps: no more is needed, and it takes a second or two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from entrepot.routing.logistic import fit_towards
from entrepot.routing.votes import SHIPPED_VOTES, AnswerKind, Belief, Habits, VoteModel, right_at

FEWEST_PROMPTS = 100
"""Of one kind of answer: with fewer, the shipped habits stand."""
_MOST_PROMPTS = 500
_MOST_VOTES = 5
_ROUNDS = 40
_SMALLEST_STEP = 0.03
_MARGIN = 1e-6


class Said(msgspec.Struct, frozen=True):
    """What one model answered to a prompt: P(correct) as estimated by a fit that had not seen it, the answer's number among
    those to the prompt, and whether it is right.
    """

    p_correct: float
    answer: int
    right: bool


def fit_votes(prompts: Mapping[AnswerKind, Sequence[Sequence[Said]]], source: str, seed: int = 0) -> VoteModel:
    """Learn from prompts, each with what models answered to it, by the kind of their answers."""
    chance = np.random.default_rng(seed)
    habits = dict(SHIPPED_VOTES.habits)
    juries: list[tuple[AnswerKind, Sequence[Said]]] = []
    for kind, answered in sorted(prompts.items()):
        if len(answered) < FEWEST_PROMPTS:
            continue
        drawn = [_draw(answered[i], chance) for i in chance.permutation(len(answered))[:_MOST_PROMPTS].tolist()]
        habits[kind] = _fit_habits(drawn, habits.get(kind, habits["text"]))
        juries.extend((kind, jury) for jury in drawn)
    if not juries:
        return SHIPPED_VOTES
    return VoteModel(habits, _fit_line(juries, habits), source)


def _draw(answered: Sequence[Said], chance: np.random.Generator) -> list[Said]:
    """A few of those who answered, in any order."""
    count = int(chance.integers(1, min(_MOST_VOTES, len(answered)) + 1))
    return [answered[i] for i in chance.permutation(len(answered))[:count].tolist()]


def _fit_habits(juries: Sequence[Sequence[Said]], start: Habits) -> Habits:
    """The habits under which what was said, and who was right, is likeliest; positive ones move by factors."""

    def habits_at(place: Sequence[float]) -> Habits:
        temper, shift, spread, scatter = place
        return Habits(math.exp(temper), shift, math.exp(spread), math.exp(scatter))

    place = [math.log(start.temper), start.shift, math.log(start.spread), math.log(start.scatter)]
    found = _climb(lambda there: _likelihood(habits_at(there), juries), place)
    return habits_at(found)


def _climb(height: Callable[[Sequence[float]], float], place: list[float]) -> list[float]:
    """Step along each direction in turn while that helps, then by half as much."""
    top, step = height(place), 0.4
    for _ in range(_ROUNDS):
        moved = False
        for direction in range(len(place)):
            for stride in (step, -step):
                there = [*place[:direction], place[direction] + stride, *place[direction + 1 :]]
                if (reached := height(there)) > top:
                    place, top, moved = there, reached, True
                    break
        if not moved:
            step /= 2
        if step < _SMALLEST_STEP:
            break
    return place


def _likelihood(habits: Habits, juries: Sequence[Sequence[Said]]) -> float:
    total = 0.0
    for jury in juries:
        belief, right = _weigh(habits, jury)
        total += math.log(max(sum(belief.masses[right]), _MARGIN))
    return total / len(juries)


def _weigh(habits: Habits, jury: Sequence[Said]) -> tuple[Belief, int]:
    """The belief after all of them, and the number of the right answer, -1 if nobody gave it."""
    belief, numbers, right = Belief(habits), dict[int, int](), -1
    for said in jury:
        number = numbers.setdefault(said.answer, len(numbers))
        belief = belief.after(right_at(habits, said.p_correct), number)
        right = number if said.right else right
    return belief, right


def _fit_line(
    juries: Sequence[tuple[AnswerKind, Sequence[Said]]], habits: Mapping[AnswerKind, Habits]
) -> tuple[float, float]:
    """What brings the leading answers' probabilities to how often they are right."""
    logits, correct = [], []
    for kind, jury in juries:
        belief, right = _weigh(habits[kind], jury)
        shares = belief.shares()
        best = max(range(len(shares)), key=shares.__getitem__)
        inside = min(max(shares[best], _MARGIN), 1 - _MARGIN)
        logits.append(math.log(inside / (1 - inside)))
        correct.append(float(best == right))
    design = np.column_stack([logits, np.ones(len(logits))])
    slope, shift = fit_towards(design, np.array(correct), np.array([1.0, 0.0]), 1.0)
    return float(slope), float(shift)

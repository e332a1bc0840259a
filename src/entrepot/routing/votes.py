"""What several models' answers to one prompt say about which of them is right, for any models at all.

The model behind it has no place for a particular model, so it serves those that no committee was fitted on. A model is right
with the probability that the router estimated, but prompts are harder or easier than estimated for all models together
(`spread`, in logits): that agreeing answers show an easy prompt and scattered ones a hard one follows from it. Right answers
are the same answer; wrong ones fall together with wrong ones given before like guests at tables (the Chinese restaurant
process, Pitman 2006, with concentration `scatter`), and sooner where there are few answers to choose from. The four numbers
are learned from outcomes, by kind of answer (`votes_fit.py`).

Rules of this file: plain Python over a handful of votes, because a live exchange weighs one prompt at a time. Masses are joint
probabilities with all that was seen, never normalized on the way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

AnswerKind = Literal["choice", "number", "text", "json", "tool_call"]

_NODES = (-2.85697001, -1.35562618, 0.0, 1.35562618, 2.85697001)
_WEIGHTS = (0.01125741, 0.22207592, 0.53333333, 0.22207592, 0.01125741)
"""Gauss-Hermite quadrature of a standard normal with five nodes (Abramowitz and Stegun 1964, table 25.10)."""
_LEAST_P = 0.02
_LEAST_SCATTER = 0.05
_LARGEST_EVIDENCE = 6.0
_LARGEST_LOGIT = 12.0


class Habits(msgspec.Struct, frozen=True):
    """How models answer prompts whose answers are of one kind (see the module).

    `temper` and `shift` bring the logit of the router's P(correct), an average over hard and easy prompts, to a prompt of usual
    hardness; `spread` is the standard deviation of hardness, in logits.
    """

    temper: float
    shift: float
    spread: float
    scatter: float


class VoteModel(msgspec.Struct, frozen=True):
    """Habits by kind of answer, and the line that calibrates the logit of an accepted answer's probability.

    A kind without habits of its own behaves as text, which must be there. `source` says what they were learned from.
    """

    habits: Mapping[AnswerKind, Habits]
    line: tuple[float, float] = (1.0, 0.0)
    source: str = ""

    def of(self, kind: AnswerKind, options: int | None = None) -> Habits:
        """The habits for answers of this kind, of which there are so many to choose from, if that is known."""
        habits = self.habits.get(kind) or self.habits["text"]
        if options is None:
            return habits
        # by chance alone wrong answers meet once in (options - 1) times
        return msgspec.structs.replace(habits, scatter=max(_LEAST_SCATTER, min(habits.scatter, options - 2)))

    def calibrated(self, p_correct: float) -> float:
        """P(correct) of an accepted answer."""
        slope, shift = self.line
        return _sigmoid(slope * _logit(p_correct, 1e-6) + shift)


class Belief(msgspec.Struct, frozen=True, eq=False):
    """What is believed after the votes so far. Answers are numbered from 0 in the order in which they first came.

    `masses[a][d]` is the joint probability of all votes, of hardness `d` and of answer `a` being right; the last row is that
    none of the answers given is. `counts` are votes by answer.
    """

    habits: Habits
    masses: tuple[tuple[float, ...], ...] = (_WEIGHTS,)
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> float:
        """The probability of what was seen."""
        return sum(map(sum, self.masses))

    @property
    def best_mass(self) -> float:
        """The mass of the answer most likely right; 0 if nobody has answered."""
        return max(map(sum, self.masses[:-1]), default=0.0)

    def shares(self) -> list[float]:
        """By answer, the probability that it is right."""
        total = self.total or 1.0
        return [sum(row) / total for row in self.masses[:-1]]

    def after(self, right: tuple[float, ...], answer: int, evidence: float = 0.0) -> Belief:
        """What is believed once a model has given `answer`; a number that none has yet is an answer not given before.

        `right` is how likely that model is right, by hardness (`right_at`). `evidence` is what else speaks for this answer: a
        log-likelihood ratio of right against wrong.
        """
        counts, scatter, votes = self.counts, self.habits.scatter, sum(self.counts)
        new = answer >= len(counts)
        told = scatter if new else counts[answer]
        rows: list[tuple[float, ...]] = []
        r0, r1, r2, r3, r4 = right
        for number, row in enumerate(self.masses):
            m0, m1, m2, m3, m4 = row
            if number == answer and not new:
                rows.append((m0 * r0, m1 * r1, m2 * r2, m3 * r3, m4 * r4))
                continue
            wrong = votes - (counts[number] if number < len(counts) else 0)
            falls = told / (scatter + wrong)
            rows.append(
                (
                    m0 * (1 - r0) * falls,
                    m1 * (1 - r1) * falls,
                    m2 * (1 - r2) * falls,
                    m3 * (1 - r3) * falls,
                    m4 * (1 - r4) * falls,
                )
            )
        if new:
            answer = len(counts)
            rows.insert(answer, (m0 * r0, m1 * r1, m2 * r2, m3 * r3, m4 * r4))  # of the last row, that none is right
            counts = (*counts, 0)
        if evidence:
            factor = math.exp(max(-_LARGEST_EVIDENCE, min(_LARGEST_EVIDENCE, evidence)))
            rows[answer] = tuple([m * factor for m in rows[answer]])
        counts = (*counts[:answer], counts[answer] + 1, *counts[answer + 1 :])
        return Belief(self.habits, tuple(rows), counts)

    def outlooks(self, rights: Sequence[tuple[float, ...]]) -> list[float]:
        """By model that might be asked (`right_at`): the mass of the answer that will lead, summed over all that it may say.

        As the sum of `best_mass` over all that may come of `after`, without laying it out.
        """
        counts, scatter, votes = self.counts, self.habits.scatter, sum(self.counts)
        whole = [sum(row) for row in self.masses]
        apart = [scatter + votes - count for count in counts]
        found = []
        for right in rights:
            told = [_product(row, right) for row in self.masses]
            falls = [(all_ - mass) / by for all_, mass, by in zip(whole, told, apart, strict=False)]
            total = max(told[-1], scatter * max(falls, default=0.0))
            for answer, count in enumerate(counts):
                others = [fall for number, fall in enumerate(falls) if number != answer]
                total += max(told[answer], count * max(others, default=0.0))
            found.append(total)
        return found

    def without(self, answer: int) -> Belief:
        """The same once it is known that `answer` is not right."""
        rows = [*self.masses]
        rows[answer] = (0.0,) * len(_NODES)
        return Belief(self.habits, tuple(rows), self.counts)

    def expects(self, right: tuple[float, ...]) -> float:
        """The probability that a model would be right."""
        return sum([_product(row, right) for row in self.masses]) / (self.total or 1.0)


def _product(masses: tuple[float, ...], right: tuple[float, ...]) -> float:
    """Their inner product, written out: it is taken some hundred times for each decision."""
    m0, m1, m2, m3, m4 = masses
    r0, r1, r2, r3, r4 = right
    return m0 * r0 + m1 * r1 + m2 * r2 + m3 * r3 + m4 * r4


def right_at(habits: Habits, p_correct: float) -> tuple[float, ...]:
    """P(correct) by hardness of the prompt, for a model of which the router estimated `p_correct`."""
    at = habits.temper * _logit(p_correct, _LEAST_P) + habits.shift
    return tuple([_sigmoid(at + habits.spread * node) for node in _NODES])


def _logit(p: float, margin: float) -> float:
    inside = min(max(p, margin), 1 - margin)
    return math.log(inside / (1 - inside))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-_LARGEST_LOGIT, min(_LARGEST_LOGIT, x))))


SHIPPED_VOTES = VoteModel(
    habits={
        "number": Habits(temper=1.47, shift=0.36, spread=2.0, scatter=4.5),
        "text": Habits(temper=1.47, shift=0.36, spread=2.0, scatter=4.5),
        "choice": Habits(temper=1.42, shift=0.15, spread=1.9, scatter=1.57),
    },
    line=(0.73, 0.1),
    source="ZeroEval (13 models) and MMLU-Pro (8 models), prompts of 2024",
)
"""For a router whose outcomes do not say what was answered. Texts are taken to behave as numbers: what was there to learn from is
the output of short programs."""

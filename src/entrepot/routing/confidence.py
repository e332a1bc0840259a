"""How far the probabilities that a model gave its own tokens speak for its answer.

P(correct) is moved, in logits, by `slope` times how much the mean log-probability of the answer's tokens lies above what is
`usual`. The default was not learned: no outcome that it could have been learned from recorded log-probabilities. It is meant to
be safe: doubt is believed, up to three logits, and confidence hardly, up to half a logit, because models are sure of much that is
wrong. `fit_confidence` learns a line from outcomes that did record them (Platt 1999); `collect` records them and `train` learns.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from entrepot.canonical.response import Response
from entrepot.routing.logistic import Doubles, fit_logistic, logit

LEAST_LOGPROB = -1e4
"""What is less is a provider's word for impossible, and would be all that a mean tells."""
_MOST_DOUBT, _MOST_TRUST = -3.0, 0.5
_LEAST_P = 0.02
_RIDGE = 1.0
_LEAST_SLOPE = 0.1


class Confidence(msgspec.Struct, frozen=True):
    """The line: see the module. `most` is the most, in logits, that confidence adds.

    `source` says where it is from: what it was learned from, or the settings; empty for the default.
    """

    slope: float = 2.0
    usual: float = -0.15
    most: float = _MOST_TRUST
    source: str = ""

    def p_correct(self, p_before: float, mean_logprob: float | None) -> float:
        """P(correct) once the mean log-probability of the answer's tokens is known; as before where it is not."""
        if mean_logprob is None:
            return p_before
        inside = min(max(p_before, _LEAST_P), 1 - _LEAST_P)
        moved = max(_MOST_DOUBT, min(self.most, self.slope * (mean_logprob - self.usual)))
        return 1 / (1 + math.exp(-(math.log(inside / (1 - inside)) + moved)))


DEFAULT_CONFIDENCE = Confidence()
IN_SETTINGS = "the settings"


def source_of(line: Confidence) -> str:
    """Where a line is from, in words that follow "as"."""
    if not line.source:
        return "a default says, which was not learned"
    return "the settings say" if line.source == IN_SETTINGS else f"learned from {line.source}"


def fit_confidence(p_before: Doubles, mean_logprob: Doubles, correct: Doubles, source: str = "") -> Confidence:
    """The line behind outcomes, shape (outcomes,) each; what is learned is believed both ways."""
    design = np.column_stack([mean_logprob, np.ones(len(correct))])
    given = logit(p_before, _LEAST_P)
    slope, shift = fit_logistic(design, correct, np.ones(len(correct)), ridge=_RIDGE, given=given)
    slope = max(float(slope), _LEAST_SLOPE)
    return Confidence(slope, -float(shift) / slope, -_MOST_DOUBT, source)


def mean_logprob(response: Response) -> float | None:
    """Of the tokens of the answer's text; None where the provider does not give them."""
    numbers = logprobs_of(response.choices[0].extra.get("logprobs")) if response.choices else []
    return sum(numbers) / len(numbers) if numbers else None


def logprobs_of(told: object) -> list[float]:
    """The log-probabilities of a text's tokens, from what OpenAI chat calls `logprobs`; empty where there are none."""
    tokens = told.get("content") if isinstance(told, dict) else None
    if not isinstance(tokens, list):
        return []
    given = [token.get("logprob") for token in tokens if isinstance(token, dict)]
    return [float(each) for each in given if isinstance(each, int | float) and LEAST_LOGPROB <= each <= 0]

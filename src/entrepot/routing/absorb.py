"""One more outcome, taken in within a few milliseconds: the model's ability moves a little, and so does its length.

A step of a Kalman filter on the logistic scale (Fahrmeir 1992): the surer an ability is, the less an outcome moves it, but
never so sure that it could not follow a model that changes. A model that the fit never saw begins as an average model of
wide error, so that its first outcomes place it. What is learned of prompts waits for the next fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from entrepot.routing.ability import LOG_DISCRIMINATION_LIMIT
from entrepot.routing.base import Floats, ModelFacts, Outcomes
from entrepot.routing.calibration import Calibration, Members
from entrepot.routing.lengths import REASONING_FACTOR
from entrepot.routing.logistic import Doubles, bent, sigmoid

_LEAST_ERROR = 0.07  # of an ability: about what four hundred outcomes tell
_SHIFT_OUTCOMES = 5.0  # a head alone has no ability to move; its shift moves by one part in these and its outcomes
_LENGTH_OUTCOMES = 20.0


def absorb(members: Members, calibration: Calibration, rows: Floats, outcomes: Outcomes) -> tuple[Members, Calibration]:
    """Both with `outcomes` taken in, one after another; `rows` (prompts, columns) are the prompts' features."""
    for model in outcomes.models:
        if model not in members.heads.models:
            members, calibration = with_model(members, calibration, model, None)
    abilities, errors = members.ability.abilities.copy(), members.ability.errors.copy()
    shifts, factors = calibration.shifts.copy(), calibration.length_factors.copy()
    counts = members.heads.outcomes.copy()
    at = [members.heads.models.index(model) for model in outcomes.models]
    near = _near(members, rows, at)
    for i in range(len(outcomes.correct)):
        row, model, weight = rows[outcomes.prompt[i]], at[outcomes.model[i]], float(outcomes.weight[i])
        difficulty, log_slope = row @ members.ability.prompt_weights
        slope = float(np.exp(np.clip(log_slope, -LOG_DISCRIMINATION_LIMIT, LOG_DISCRIMINATION_LIMIT)))
        by_head = float(row @ members.heads.weights[:, model])
        by_ease = float((bent(row[None] @ members.ease, calibration.knots) @ calibration.eases[model])[0])
        by_near = float(near[outcomes.prompt[i], outcomes.model[i]] @ calibration.nears[model])
        by_ability = 0.0 if members.kind == "linear" else slope * float(abilities[model]) - float(difficulty)
        stretch = float(calibration.slopes[model])
        logit = stretch * (by_head + by_ability) + by_ease + by_near + float(shifts[model])
        p = float(sigmoid(np.array(logit)))
        missed = weight * (float(outcomes.correct[i]) - p)
        if members.kind == "linear":
            shifts[model] += missed / (weight + (_SHIFT_OUTCOMES + float(counts[model])) * p * (1 - p))
        else:
            pull, variance = slope * stretch, max(float(errors[model]), _LEAST_ERROR) ** 2
            variance /= 1 + variance * pull**2 * weight * p * (1 - p)
            abilities[model] += variance * pull * missed
            errors[model] = np.sqrt(variance)
        if outcomes.output_tokens[i] > 0:
            expected = np.exp(float(row @ members.lengths.weights[:, model])) * factors[model]
            step = np.log(outcomes.output_tokens[i] / max(expected, 1.0)) / (_LENGTH_OUTCOMES + counts[model])
            factors[model] *= np.exp(np.clip(step, -0.1, 0.1))
        counts[model] += weight
    ability = msgspec.structs.replace(members.ability, abilities=abilities, errors=errors)
    heads = msgspec.structs.replace(members.heads, outcomes=counts)
    return (
        msgspec.structs.replace(members, ability=ability, heads=heads),
        msgspec.structs.replace(calibration, shifts=shifts, length_factors=factors),
    )


def _near(members: Members, rows: Floats, models: Sequence[int]) -> Doubles:
    """What lies near each prompt, for these models alone: shape (prompts, models, 2)."""
    if members.nearby is None:
        return np.zeros((len(rows), len(models), 2))
    return members.nearby.logits(rows, models)


def with_model(
    members: Members, calibration: Calibration, model: str, facts: ModelFacts | None
) -> tuple[Members, Calibration]:
    """Room for a model never seen: no head, the ability that its scores say, the calibration and length of such models."""
    place, error, _ = members.ability.place(None, facts)
    longer = REASONING_FACTOR if facts is not None and facts.reasoning else 1.0
    models = (*members.heads.models, model)
    heads = msgspec.structs.replace(
        members.heads,
        models=models,
        weights=np.column_stack([members.heads.weights, np.zeros(len(members.ease), np.float32)]),
        outcomes=np.append(members.heads.outcomes, np.float32(0)),
    )
    ability = msgspec.structs.replace(
        members.ability,
        models=models,
        abilities=np.append(members.ability.abilities, np.float32(place)),
        errors=np.append(members.ability.errors, np.float32(error)),
    )
    lengths = msgspec.structs.replace(
        members.lengths,
        models=models,
        weights=np.column_stack([members.lengths.weights, members.lengths.weights[:, -1]]),
        log_errors=np.append(members.lengths.log_errors, members.lengths.log_errors[-1]),
    )
    return (
        msgspec.structs.replace(members, heads=heads, ability=ability, lengths=lengths),
        Calibration(
            slopes=_grown(calibration.slopes),
            shifts=_grown(calibration.shifts),
            eases=_grown(calibration.eases),
            knots=calibration.knots,
            nears=_grown(calibration.nears),
            length_factors=_with_last(calibration.length_factors, longer),
            spread=calibration.spread,
        ),
    )


def _with_last(values: Floats, longer: float) -> Floats:
    """As `_grown`, and the model's own, which stands before that of models never seen, so many times as long."""
    grown = _grown(values)
    grown[-2] *= longer
    return grown


def _grown(values: Floats) -> Floats:
    """With the last, that of models never seen, once more."""
    return np.concatenate([values, values[-1:]])

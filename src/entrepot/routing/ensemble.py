"""The default router: ability, corrected by each model's own head, calibrated; one matrix product a request.

Start at `EnsembleRouter.fit`, then `bind`, which turns what was learned into columns for the models at hand, then
`BoundEnsemble.predict`, the hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp
from typing import Self

import msgspec
import numpy as np

from entrepot.errors import DataError, Defect
from entrepot.routing.ability import LOG_DISCRIMINATION_LIMIT, with_priors, with_scores
from entrepot.routing.absorb import absorb, with_model
from entrepot.routing.base import Basis, Estimates, Floats, ModelFacts, Outcomes, Prompt, constant
from entrepot.routing.calibration import (
    Calibration,
    CrossFit,
    Kind,
    Members,
    calibrated,
    cross_fit,
    fit_calibration,
    fit_members,
)
from entrepot.routing.correction import NOTHING, Correction
from entrepot.routing.design import Design, build_design
from entrepot.routing.embedder import Embedder
from entrepot.routing.features import BUCKETS
from entrepot.routing.featurizer import Featurizer
from entrepot.routing.lengths import REASONING_FACTOR
from entrepot.routing.logistic import LOGIT_LIMIT, Doubles, bent, logit, sigmoid
from entrepot.routing.nearby import Records, place
from entrepot.routing.rehearsal import Rehearsal, Sample

Step = Callable[[str], None]
RANK = 300
FOLDS = 5
_LONGEST_LOG = 11.0
_FEWEST_PROMPTS = 2
_UNSEEN_ERROR = 0.7
_NOVELTY_ERROR = 2.0
_NOTHING, _ONE, _LONGEST = constant(0.0), constant(1.0), constant(_LONGEST_LOG)
_LOWEST, _HIGHEST = constant(-LOGIT_LIMIT), constant(LOGIT_LIMIT)


class Fitted(msgspec.Struct, frozen=True, eq=False):
    """All that a fit learned, over the featurizer's columns: what an artifact holds.

    `aliases` are other names of the trained models.
    """

    featurizer: Featurizer
    members: Members
    calibration: Calibration
    aliases: Mapping[str, str]


class EnsembleRouter:
    """Ability corrected by heads (or, by `kind`, one of the two alone), calibrated on cross-fitted predictions.

    `scores` are published scores by model and benchmark, from which models never seen are placed. `step` is told what is
    being done. `aliases` names models that the outcomes call otherwise: outcomes under both names teach one model. Learned:
    `fitted_`; `cross_fit_` and `design_`, for evaluation, are there after `fit` and not after loading; `sample_` is what an
    artifact remembers of past prompts.
    """

    fitted_: Fitted
    cross_fit_: CrossFit
    design_: Design
    sample_: Sample | None = None
    correction_: Correction = NOTHING

    def __init__(
        self,
        *,
        kind: Kind = "ensemble",
        scores: Mapping[str, Mapping[str, float]] | None = None,
        aliases: Mapping[str, str] | None = None,
        rank: int = RANK,
        folds: int = FOLDS,
        seed: int = 0,
        step: Step | None = None,
        version: str = "unsaved",
        embedder: Embedder | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.scores = scores
        self.aliases = aliases
        self.rank = rank
        self.folds = folds
        self.seed = seed
        self.step = step
        self.embedder = embedder
        self._version = version

    @classmethod
    def of(cls, fitted: Fitted, version: str, sample: Sample | None = None) -> EnsembleRouter:
        """A router that was fitted before."""
        router = cls(kind=fitted.members.kind, version=version, embedder=fitted.featurizer.embedder)
        router.fitted_ = fitted
        router.sample_ = sample
        return router

    def corrected(self, correction: Correction, version: str) -> EnsembleRouter:
        """The same fit with its estimates corrected, under another name; `correction` takes the place of any before it."""
        router = EnsembleRouter.of(self.fitted_, version, self.sample_)
        router.correction_ = correction
        return router

    @property
    def version(self) -> str:
        """Names the fit in every decision; `unsaved` until it is part of an artifact."""
        return self._version

    def fit(self, outcomes: Outcomes) -> Self:
        """Learn from outcomes. Raises DataError if there are none, or of a single prompt: no fit had not seen it."""
        step = self.step or (lambda _doing: None)
        step("reading prompts")
        aliases = {name: model for name, model in (self.aliases or {}).items() if name in outcomes.models}
        featurizer, design = build_design(_renamed(outcomes, aliases), self.rank, self.seed, self.embedder)
        if np.count_nonzero(design.weight.any(axis=1)) < _FEWEST_PROMPTS:
            raise DataError("there are outcomes of one prompt only: a fit is held against prompts that it had not seen")
        step("fitting on all prompts")
        members = fit_members(design, self.kind)
        self.cross_fit_ = cross_fit(design, self.kind, self.folds, self.seed, step)
        step("calibrating")
        self.design_ = design
        scores = self.scores or {}
        ability = with_priors(with_scores(members.ability, scores), scores)
        self.fitted_ = Fitted(
            featurizer,
            msgspec.structs.replace(members, ability=ability).folded(design.loadings),
            fit_calibration(design, members, self.cross_fit_),
            aliases,
        )
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Move abilities and lengths by a few more outcomes, and place models that are new by theirs; none move nothing."""
        if not len(outcomes.correct):
            return self
        fitted = self.fitted_
        renamed = _renamed(outcomes, {name: fitted.aliases[name] for name in outcomes.models if name in fitted.aliases})
        rows = np.stack([fitted.featurizer.row(prompt) for prompt in outcomes.prompts])
        members, calibration = absorb(fitted.members, fitted.calibration, rows, renamed)
        self.fitted_ = msgspec.structs.replace(fitted, members=members, calibration=calibration)
        return self

    def place(self, facts: Mapping[str, ModelFacts]) -> Self:
        """Make room for the models of `facts` that it does not know, where their published scores place them.

        One that it knows by another name is found by this one from now on.
        """
        fitted, known = self.fitted_, self.trained()
        members, calibration, aliases = fitted.members, fitted.calibration, dict(fitted.aliases)
        for model, fact in facts.items():
            number = _trained_as(model, fact, known)
            if number is None:
                members, calibration = with_model(members, calibration, model, fact)
            elif model not in known:
                aliases[model] = members.heads.models[number]
        self.fitted_ = Fitted(fitted.featurizer, members, calibration, aliases)
        return self

    def cross_fitted(self) -> tuple[Doubles, Doubles]:
        """P(correct) and expected output tokens of every prompt by a fit that had not seen it, shape (prompts, models)."""
        calibration, crossed = self.fitted_.calibration, self.cross_fit_
        lengths = np.exp(np.clip(crossed.output_logs[:, :-1], 0, _LONGEST_LOG)) * calibration.length_factors[:-1]
        return calibrated(calibration, crossed.logits, crossed.ease, crossed.near), np.asarray(lengths, np.float64)

    def traits(self, rows: Floats) -> Floats:
        """What places models never seen on prompts, given as rows of the featurizer: see `rehearsal.Sample`."""
        members = self.fitted_.members
        columns = [members.ability.prompt_weights, members.ease[:, None], members.lengths.weights[:, -1:]]
        return np.asarray(rows @ np.concatenate(columns, axis=1), np.float32)

    def trained(self) -> dict[str, int]:
        """The number in training of each model that was there, by each of its names."""
        trained = {name: number for number, name in enumerate(self.fitted_.members.heads.models)}
        trained.update({name: trained[model] for name, model in self.fitted_.aliases.items()})
        return trained

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundEnsemble:
        """Prepare for these models. A model that was trained on under one of its other names is found by it."""
        if not hasattr(self, "fitted_"):
            raise Defect("a router was bound before it was fitted")
        trained = self.trained()
        known = [_trained_as(model, facts.get(model), trained) for model in models]
        return BoundEnsemble(
            self.fitted_,
            tuple(models),
            known,
            [facts.get(model) for model in models],
            self.sample_,
            self.correction_,
        )


def _renamed(outcomes: Outcomes, aliases: Mapping[str, str]) -> Outcomes:
    """The outcomes with each alias as its model."""
    models = tuple(dict.fromkeys(aliases.get(name, name) for name in outcomes.models))
    number = np.array([models.index(aliases.get(name, name)) for name in outcomes.models], np.int32)
    return msgspec.structs.replace(outcomes, models=models, model=number[outcomes.model])


def _trained_as(model: str, facts: ModelFacts | None, trained: Mapping[str, int]) -> int | None:
    for name in (model, *(facts.names if facts else ())):
        if name in trained:
            return trained[name]
    return None


def _f32(values: Doubles) -> Floats:
    return values.astype(np.float32)


def _columns(members: Members, known: Sequence[int | None]) -> Floats:
    """All that is linear, side by side: a head for each model, difficulty and log discrimination, a length for each model, ease,
    and the directions in which near prompts are looked for.
    """
    models = [-1 if at is None else at for at in known]  # -1: the last, for models never seen
    heads = members.heads.weights[:, models]
    heads[:, [at is None for at in known]] = 0
    parts = [heads, members.ability.prompt_weights, members.lengths.weights[:, models], members.ease[:, None]]
    if members.nearby is not None:
        parts.append(members.nearby.directions)
    return np.hstack(parts).astype(np.float32)


class BoundEnsemble:
    """An ensemble prepared for `models`. `known` is each model's number in training, or None."""

    def __init__(
        self,
        fitted: Fitted,
        models: tuple[str, ...],
        known: Sequence[int | None],
        facts: Sequence[ModelFacts | None],
        sample: Sample | None = None,
        correction: Correction = NOTHING,
    ) -> None:
        self.models = models
        self._known = tuple(known)
        self._sample = sample
        self._featurizer = fitted.featurizer
        members, calibration = fitted.members, fitted.calibration
        names = members.heads.models
        count = len(models)
        keep = np.ones(count, np.float32)
        self._ability, ability_error = np.zeros(count, np.float32), np.zeros(count, np.float32)
        self._log_error = np.zeros(count, np.float32)
        number = np.array([-1 if i is None else i for i in known], np.intp)  # -1: the last, for models never seen
        self._slope, self._shift, self._ease = (
            part[number] for part in (calibration.slopes, calibration.shifts, calibration.eases)
        )
        self._correction = slopes, shifts, eases = correction.columns(models)
        self._slope, self._shift = self._slope * _f32(slopes), self._shift * _f32(slopes) + _f32(shifts)
        self._ease = self._ease * _f32(slopes)[:, None]
        self._ease[:, 0] += _f32(eases)
        self._knots = calibration.knots
        self._bends = calibration.knots.tolist()
        self._records: Records | None = None
        if members.nearby is not None:
            self._records = Records(members.nearby, number)
            self._nears = calibration.nears[number].T * _f32(slopes)
        self._length = calibration.length_factors[number].copy()
        basis: list[Basis] = []
        for i, at in enumerate(known):
            fact = facts[i]
            self._ability[i], ability_error[i], rests_on = members.ability.place(
                None if at is None else names[at], fact
            )
            basis.append("outcomes" if models[i] in correction.models else rests_on)
            self._log_error[i] = members.lengths.log_errors[number[i]]
            if at is not None:
                keep[i] = members.kind != "linear"
            else:
                ability_error[i] = np.hypot(ability_error[i], _UNSEEN_ERROR)
                if fact is not None and fact.reasoning:
                    self._length[i] *= REASONING_FACTOR
                    self._log_error[i] += 1
        self._basis = tuple(basis)
        columns = _columns(members, known)
        self._grams = columns[:BUCKETS].copy()
        self._outside, self._constant = columns[BUCKETS:-1].copy(), columns[-1].copy()
        # the logit but for head and records, as one product with the prompt's slope, difficulty, ease, its bends and a one
        stretch = keep * self._slope
        self._base = np.column_stack([self._ability * stretch, -stretch, self._ease, self._shift])
        # of what a head corrects, half may be chance; heads that stand alone have nothing to be compared with
        self._doubt = 0.5 * keep
        self._ability_variance = ability_error**2
        self._spread_squared = calibration.spread**2

    @property
    def rehearsal(self) -> Rehearsal | None:
        """What is remembered of past prompts, for the bound models."""
        sample = self._sample
        if sample is None:
            return None
        shape = (len(sample.input_tokens), len(self.models))
        p_correct, output_tokens, quality = (np.full(shape, np.nan) for _ in range(3))
        traits = sample.traits.astype(np.float64)
        placed, _ = self.by_traits(traits[:, :3])
        lengths = np.exp(np.clip(traits[:, 3], 0, _LONGEST_LOG))
        for i, at in enumerate(self._known):
            if at is None:
                p_correct[:, i] = placed[:, i]
                output_tokens[:, i] = lengths * self._length[i]
                continue
            p_correct[:, i], output_tokens[:, i] = self._again(sample, i, at), sample.output_tokens[:, at]
            if sample.quality.shape[1]:
                quality[:, i] = sample.quality[:, at]
        tokens = sample.input_tokens.astype(np.float64)
        return Rehearsal(
            self.models,
            tokens,
            p_correct,
            output_tokens,
            quality,
            sample.learned,
            sample.data,
            sample.date,
            sample.known,
        )

    def _again(self, sample: Sample, bound: int, trained: int) -> Doubles:
        """P(correct) of past prompts, which the fit gave before it was corrected."""
        p = sample.p_correct[:, trained].astype(np.float64)
        slope, shift, ease = (column[bound] for column in self._correction)
        if (slope, shift, ease) == (1.0, 0.0, 0.0):
            return p
        return sigmoid(slope * logit(p) + shift + ease * sample.traits[:, 2])

    def by_traits(self, traits: Doubles) -> tuple[Doubles, Doubles]:
        """See Placing: by ability alone, as for models that nothing is known of but their scores."""
        slope = np.exp(np.clip(traits[:, 1], -LOG_DISCRIMINATION_LIMIT, LOG_DISCRIMINATION_LIMIT))[:, None]
        logits = (slope * self._ability - traits[:, [0]]) * self._slope + self._shift
        p_correct = sigmoid(logits + bent(traits[:, 2], self._knots) @ self._ease.T)
        variance = slope**2 * self._ability_variance + self._spread_squared
        return p_correct, np.asarray(p_correct * (1 - p_correct) * np.sqrt(variance))

    def predict(self, prompt: Prompt) -> Estimates:
        """Estimates for every bound model."""
        weights = self._featurizer.weigh(prompt)
        scores = weights.grams.dot(self._grams.take(weights.buckets, axis=0))
        scores += weights.structure.dot(self._outside)
        scores += self._constant
        count = len(self.models)
        difficulty, log_slope, ease = scores.item(count), scores.item(count + 1), scores.item(2 * count + 2)
        slope = exp(min(max(log_slope, -LOG_DISCRIMINATION_LIMIT), LOG_DISCRIMINATION_LIMIT))
        by_head = scores[:count]
        logits = by_head * self._slope
        known = (slope, difficulty, ease, *[max(ease - knot, 0.0) for knot in self._bends], 1.0)
        logits += self._base.dot(np.array(known, np.float32))
        if self._records is not None:
            near = self._records.logits(place(scores[2 * count + 3 :], weights.structure))
            near *= self._nears
            logits += near[0]
            logits += near[1]
        logits = np.minimum(np.maximum(logits, _LOWEST), _HIGHEST)
        p_correct = _ONE / (_ONE + np.exp(-logits))
        variance = (by_head * self._doubt) ** 2
        variance += self._ability_variance * constant(slope**2)
        variance += constant(self._spread_squared + (_NOVELTY_ERROR * weights.novelty) ** 2)
        logs = np.minimum(np.maximum(scores[count + 2 : 2 * count + 2], _NOTHING), _LONGEST)
        return Estimates(
            models=self.models,
            p_correct=p_correct,
            p_error=p_correct * (_ONE - p_correct) * np.sqrt(variance),
            output_tokens=np.exp(logs) * self._length,
            log_error=self._log_error,
            basis=self._basis,
            traits=(float(scores[count]), float(scores[count + 1]), float(ease)),
        )

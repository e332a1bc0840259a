"""From recorded answers to the model of votes: of what kind they are, who gave the same, and who was right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entrepot.learning.outcomes import Dataset
from entrepot.learning.pool import Doubles
from entrepot.routing.comparable import comparable
from entrepot.routing.votes import SHIPPED_VOTES, AnswerKind, VoteModel
from entrepot.routing.votes_fit import Said, fit_votes

_RIGHT = 0.5
_NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf)")
_LETTER = re.compile(r"[A-J]")


def kinds_of(dataset: Dataset) -> list[AnswerKind]:
    """What most models' answers to each of the prompts are."""
    seen: list[list[AnswerKind]] = [[] for _ in dataset.prompt_ids]
    for prompt, answer in zip(dataset.outcomes.prompt.tolist(), dataset.answers, strict=False):
        key = comparable(answer)
        if key is not None:
            seen[prompt].append("number" if _NUMBER.fullmatch(key) else "choice" if _LETTER.fullmatch(key) else "text")
    return [max(kinds, key=kinds.count) if kinds else "text" for kinds in seen]


def learn_votes(dataset: Dataset, p_correct: Doubles, models: Sequence[str], source: str, seed: int = 0) -> VoteModel:
    """The model of votes behind a dataset's answers; the shipped one where it has too few.

    `p_correct` (prompts, models) is cross-fitted, with its columns in the order of `models`.
    """
    if not dataset.answers:
        return SHIPPED_VOTES
    outcomes = dataset.outcomes
    column = {model: number for number, model in enumerate(models)}
    columns = [column.get(model) for model in outcomes.models]
    numbers: list[dict[str, int]] = [{} for _ in dataset.prompt_ids]
    said: list[list[Said]] = [[] for _ in dataset.prompt_ids]
    rows = zip(
        outcomes.prompt.tolist(), outcomes.model.tolist(), outcomes.correct.tolist(), dataset.answers, strict=True
    )
    for prompt, model, correct, answer in rows:
        key, at = comparable(answer), columns[model]
        if key is not None and at is not None:
            number = numbers[prompt].setdefault(key, len(numbers[prompt]))
            said[prompt].append(Said(float(p_correct[prompt, at]), number, correct >= _RIGHT))
    by_kind: dict[AnswerKind, list[list[Said]]] = {}
    for kind, given in zip(kinds_of(dataset), said, strict=True):
        if given:
            by_kind.setdefault(kind, []).append(given)
    return fit_votes(by_kind, source, seed)

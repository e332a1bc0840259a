from __future__ import annotations

import numpy as np

from entrepot.learning.outcomes import Dataset
from entrepot.routing.base import Outcomes, Prompt


def dataset(*texts: str) -> Dataset:
    count = len(texts)
    numbers = np.arange(count, dtype=np.int32)
    ones = np.ones(count, np.float32)
    prompts = tuple(Prompt(text, 1) for text in texts)
    names = tuple(f"p{number}" for number in range(count))
    outcomes = Outcomes(prompts, ("m",), numbers, np.zeros(count, np.int32), ones, ones, ones)
    return Dataset(outcomes, names, ("",) * count, ("",) * count)


def test_halves_are_halves_of_everything_and_differ_by_seed() -> None:
    whole = dataset(*(f"prompt {number}" for number in range(100)))
    one, other = whole.halves(1)
    assert len(one.prompt_ids) == len(other.prompt_ids) == 50
    assert {*one.prompt_ids, *other.prompt_ids} == set(whole.prompt_ids)
    assert whole.halves(1)[0].prompt_ids == one.prompt_ids != whole.halves(2)[0].prompt_ids


def test_the_same_words_under_two_ids_never_lie_in_both_halves() -> None:
    texts = [text for n in range(40) for text in (f"Which of these, {n}?", f"which of these {n}", f"第{n}题：选哪个？")]
    for seed in range(5):
        one, other = dataset(*texts).halves(seed)
        there = [
            {p.text.casefold().strip("?").replace(",", "") for p in half.outcomes.prompts} for half in (one, other)
        ]
        assert there[0].isdisjoint(there[1])


def test_what_has_no_words_is_told_apart_by_itself() -> None:
    one, other = dataset("😀", "😀😀", "!!", "??").halves(0)
    assert len(one.prompt_ids) == len(other.prompt_ids) == 2

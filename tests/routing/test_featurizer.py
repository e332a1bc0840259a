from __future__ import annotations

import numpy as np
import pytest

from entrepot.routing.base import Prompt
from entrepot.routing.features import BUCKETS, STRUCTURE, read_prompts
from entrepot.routing.featurizer import Featurizer


def prompt(text: str) -> Prompt:
    return Prompt(text=text, input_tokens=len(text) // 4)


def test_a_row_of_the_design_has_ngrams_of_length_one_and_a_constant() -> None:
    counts, structure = read_prompts([prompt("one two three"), prompt("four five six 七八九")])
    featurizer = Featurizer().fit(counts, structure)
    rows = featurizer.rows(counts, structure)
    assert np.allclose(np.linalg.norm(rows[:, :BUCKETS], axis=1), 1, atol=1e-5)
    assert (rows[:, -1] == 1).all()
    assert np.allclose(featurizer.row(prompt("one two three")), rows[0])
    assert featurizer.weigh(prompt("one two three")).novelty < 0.01


@pytest.mark.parametrize("text", ["one two three one two", "一二三四 five", "!", ""])
def test_a_prompt_is_weighed_alike_alone_and_among_others_and_without_its_zeros(text: str) -> None:
    counts, structure = read_prompts([prompt("one two three"), prompt("four five six 七八九"), prompt(text)])
    featurizer = Featurizer().fit(counts, structure)
    weights = featurizer.weigh(prompt(text))
    row = np.zeros(featurizer.columns, np.float32)
    row[weights.buckets], row[BUCKETS:-1], row[-1] = weights.grams, weights.structure, 1
    assert np.array_equal(row, featurizer.row(prompt(text)))
    assert np.allclose(row, featurizer.rows(counts, structure)[2])
    assert len(weights.buckets) == np.count_nonzero(counts[2])


def test_novelty_is_the_share_of_ngrams_that_training_never_saw() -> None:
    featurizer = Featurizer().fit(*read_prompts([prompt("one two three")]))
    assert featurizer.weigh(prompt("什么是量子纠缠")).novelty > 0.9
    assert featurizer.weigh(prompt("")).novelty >= 1


def test_what_never_varied_in_training_says_nothing_later() -> None:
    featurizer = Featurizer().fit(*read_prompts([prompt("one two"), prompt("three four five")]))
    plain = featurizer.row(Prompt("one two", 2))
    with_tools = featurizer.row(Prompt("one two", 2, has_tools=True))
    assert np.array_equal(plain, with_tools)


def test_a_featurizer_of_another_version_is_refused() -> None:
    five = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="not those of this version"):
        Featurizer.of(five, five, five, five, five)


def test_a_structural_feature_outside_the_range_of_training_fades_to_its_mean_and_is_novel() -> None:
    words = [prompt(" ".join(["word"] * count)) for count in range(20, 60)]
    featurizer = Featurizer().fit(*read_prompts(words))
    at = BUCKETS + STRUCTURE.index("log_words")
    assert featurizer.row(words[5])[at] != 0
    assert featurizer.row(prompt("word"))[at] == 0
    assert featurizer.weigh(prompt("word")).novelty > featurizer.weigh(words[5]).novelty

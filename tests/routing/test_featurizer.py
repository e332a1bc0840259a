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
    row, novelty = featurizer.row(prompt("one two three"))
    assert np.allclose(row, rows[0])
    assert novelty < 0.01


def test_novelty_is_the_share_of_ngrams_that_training_never_saw() -> None:
    featurizer = Featurizer().fit(*read_prompts([prompt("one two three")]))
    assert featurizer.row(prompt("什么是量子纠缠"))[1] > 0.9
    assert featurizer.row(prompt(""))[1] >= 1


def test_what_never_varied_in_training_says_nothing_later() -> None:
    featurizer = Featurizer().fit(*read_prompts([prompt("one two"), prompt("three four five")]))
    plain, _ = featurizer.row(Prompt("one two", 2))
    with_tools, _ = featurizer.row(Prompt("one two", 2, has_tools=True))
    assert np.array_equal(plain, with_tools)


def test_a_featurizer_of_another_version_is_refused() -> None:
    five = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="not those of this version"):
        Featurizer.of(five, five, five, five, five)


def test_a_structural_feature_outside_the_range_of_training_fades_to_its_mean_and_is_novel() -> None:
    words = [prompt(" ".join(["word"] * count)) for count in range(20, 60)]
    featurizer = Featurizer().fit(*read_prompts(words))
    at = BUCKETS + STRUCTURE.index("log_words")
    inside, outside = featurizer.row(words[5]), featurizer.row(prompt("word"))
    assert inside[0][at] != 0
    assert outside[0][at] == 0
    assert outside[1] > inside[1]

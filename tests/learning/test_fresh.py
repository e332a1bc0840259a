from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.learning.fresh import Sources, predict_fresh
from entrepot.routing.rehearsal import digest_of_id
from tests.learning.test_recalibrate import Recalling


def write(directory: Path, name: str, *rows: Mapping[str, object]) -> None:
    (directory / name).write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def sources(directory: Path) -> Sources:
    return Sources((f"{directory}/**/out*.jsonl",), (f"{directory}/prompts.jsonl",))


def test_nothing_is_there_before_both_kinds_of_files_are(tmp_path: Path) -> None:
    assert sources(tmp_path).read() is None
    assert sources(tmp_path).stamp() == ()
    write(tmp_path, "prompts.jsonl", {"prompt_id": "1", "prompt": "请问"})
    (tmp_path / "out.jsonl").touch()
    assert sources(tmp_path).read() is None


def test_prompts_come_oldest_first_from_every_file_and_a_change_changes_the_stamp(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path, "prompts.jsonl", *({"prompt_id": str(n), "prompt": f"prompt {n}"} for n in range(3)))
    write(tmp_path / "deep", "out-1.jsonl", {"prompt_id": "0", "model": "big", "correct": 1, "at": "2026-11-09"})
    before = sources(tmp_path).stamp()
    write(tmp_path, "out-2.jsonl", {"prompt_id": "2", "model": "big", "correct": 1, "at": "2026-11-08"})
    assert sources(tmp_path).stamp() != before
    dataset = sources(tmp_path).read()
    assert dataset is not None
    assert dataset.prompt_ids == ("2", "0")


def test_an_outcome_without_its_prompt_is_told(tmp_path: Path) -> None:
    write(tmp_path, "prompts.jsonl", {"prompt_id": "1", "prompt": "x"})
    write(tmp_path, "out.jsonl", {"prompt_id": "2", "model": "big", "correct": 1})
    with pytest.raises(DataError, match="is in none of the prompt files"):
        sources(tmp_path).read()


def test_fresh_prompts_are_predicted_and_their_outcomes_laid_beside(tmp_path: Path) -> None:
    write(tmp_path, "prompts.jsonl", *({"prompt_id": str(n), "prompt": "x", "input_tokens": n} for n in range(3)))
    rows: list[dict[str, object]] = [{"prompt_id": str(n), "model": "cheap/小", "correct": n / 2} for n in range(3)]
    write(tmp_path, "out.jsonl", *rows, {"prompt_id": "1", "model": "unheard of", "correct": 1})
    dataset = sources(tmp_path).read()
    assert dataset is not None
    bound = Recalling(None, ("big", "小"))
    fresh = predict_fresh(bound, dataset, {"cheap/小": "小"}, frozenset({digest_of_id("0")}), "fresh", "2026-11-22")
    assert fresh.digests == (digest_of_id("1").hex(), digest_of_id("2").hex())
    assert np.array_equal(fresh.past.quality, [[np.nan, 0.5], [np.nan, 1.0]], equal_nan=True)
    assert fresh.past.input_tokens.tolist() == [1, 2]
    assert (fresh.past.data, fresh.past.date) == ("fresh", "2026-11-22")
    assert fresh.only([1]).past.input_tokens.tolist() == [2]

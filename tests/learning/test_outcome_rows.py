from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import DataError
from entrepot.learning.outcome_rows import OutcomeRow, PriceRow, PromptRow, check_ending, write_prices, write_rows
from entrepot.learning.outcomes import read_dataset, read_prices

ROW = OutcomeRow("mine", "甲", "m", 0.5, "72万元", 10, 20, "d/m", None, 31.5, "exact", "e", "2026-11-22T08:00:00Z")
PROMPT = PromptRow("甲", "mine", "documents", "zh", "预付款是多少万元？", "72万元", 12)


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "parquet"])
def test_what_is_written_is_what_training_reads(tmp_path: Path, ending: str) -> None:
    outcomes, prompts = tmp_path / f"o.{ending}", tmp_path / f"p.{ending}"
    write_rows([ROW], outcomes)
    write_rows([PROMPT], prompts)
    dataset = read_dataset([outcomes], [prompts])
    assert dataset.outcomes.prompts[0].text == "预付款是多少万元？"
    assert dataset.outcomes.prompts[0].input_tokens == 12
    assert dataset.outcomes.models == ("m",)
    assert dataset.outcomes.correct.tolist() == [0.5]
    assert dataset.outcomes.output_tokens.tolist() == [20]
    assert dataset.answers == ("72万元",)
    assert dataset.categories == ("documents",)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((outcomes.name, prompts.name))


def test_another_ending_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(DataError, match="says neither Parquet"):
        check_ending(Path("outcomes.csv"))


def test_prices_are_what_evaluate_reads(tmp_path: Path) -> None:
    write_prices([PriceRow("通义", "0.1", "0.4", "d/通义", 60)], tmp_path / "prices.csv")
    prices = read_prices(tmp_path / "prices.csv")
    assert (prices["通义"].input_usd_per_mtok, prices["通义"].output_usd_per_mtok) == ("0.1", "0.4")

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from entrepot.errors import DataError
from entrepot.learning.outcomes import read_dataset, read_prices, read_scores

Rows = list[dict[str, object]]

PROMPTS: Rows = [
    {"prompt_id": "a", "prompt": "What is 2 + 2?", "benchmark": "sums", "category": "maths", "input_tokens": 7},
    {"prompt_id": "b", "prompt": "请总结会议纪要。"},
]
OUTCOMES: Rows = [
    {"prompt_id": "a", "model": "m1", "correct": True, "output_tokens": 12},
    {"prompt_id": "b", "model": "m1", "correct": False, "output_tokens": None},
    {"prompt_id": "a", "model": "m2", "correct": 0.5},
]


def lines(path: Path, rows: Rows) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def table(path: Path, rows: Rows) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("write", [lines, table], ids=["JSON Lines", "Parquet"])
def test_reads_outcomes_with_their_prompts(tmp_path: Path, write: object) -> None:
    ending = ".jsonl" if write is lines else ".parquet"
    outcomes: Rows = [{**row, "correct": float(row["correct"])} for row in OUTCOMES]  # type: ignore[arg-type] # numbers
    found = read_dataset(
        [write(tmp_path / f"o{ending}", outcomes)],  # type: ignore[operator] # one of the two above
        [write(tmp_path / f"p{ending}", PROMPTS)],  # type: ignore[operator] # one of the two above
    )
    assert found.prompt_ids == ("a", "b")
    assert found.categories == ("maths", "")
    assert [prompt.text for prompt in found.outcomes.prompts] == ["What is 2 + 2?", "请总结会议纪要。"]
    assert found.outcomes.prompts[0].input_tokens == 7
    assert found.outcomes.models == ("m1", "m2")
    assert found.outcomes.correct.tolist() == [1, 0, 0.5]
    assert found.outcomes.output_tokens.tolist() == [12, -1, -1]


def test_a_pair_without_a_row_stays_missing(tmp_path: Path) -> None:
    found = read_dataset([lines(tmp_path / "o.jsonl", OUTCOMES)], [lines(tmp_path / "p.jsonl", PROMPTS)])
    pairs = set(zip(found.outcomes.prompt.tolist(), found.outcomes.model.tolist(), strict=True))
    assert pairs == {(0, 0), (1, 0), (0, 1)}


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (
            {"prompt_id": "a", "model": "m", "correct": "yes"},
            r"column correct, row 2: 'yes' is not a number between 0 and 1",
        ),
        (
            {"prompt_id": "a", "model": "m", "correct": 1.5},
            r"column correct, row 2: 1.5 is not a number between 0 and 1",
        ),
        ({"prompt_id": "a", "model": "m"}, r"column correct, row 2: None is not a number"),
        ({"prompt_id": "a", "model": 3, "correct": True}, r"column model, row 2: 3 is not text"),
        (
            {"prompt_id": "z", "model": "m", "correct": True},
            r"column prompt_id, row 2: 'z' is in none of the prompt files",
        ),
        ({"prompt_id": "a", "model": "m", "correct": 1, "output_tokens": -3}, r"column output_tokens, row 2: -3"),
    ],
)
def test_a_malformed_row_is_named_with_file_column_and_row(
    tmp_path: Path, outcome: dict[str, object], says: str
) -> None:
    file = lines(tmp_path / "o.jsonl", [OUTCOMES[0], outcome])
    with pytest.raises(DataError, match=rf"o\.jsonl: {says}"):
        read_dataset([file], [lines(tmp_path / "p.jsonl", PROMPTS)])


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    file = table(tmp_path / "o.parquet", [{"prompt_id": "a", "model": "m"}])
    with pytest.raises(DataError, match=r"o\.parquet has no column 'correct'; it has model, prompt_id"):
        read_dataset([file], [lines(tmp_path / "p.jsonl", PROMPTS)])


def test_what_is_right_is_said_of_all_rows_or_of_none(tmp_path: Path) -> None:
    files = [lines(tmp_path / "o.jsonl", OUTCOMES), lines(tmp_path / "p.jsonl", PROMPTS)]
    untold: Rows = [{**row, "correct": None} for row in OUTCOMES]
    lines(files[0], untold)
    assert np.isnan(read_dataset(files[:1], files[1:], graded=False).outcomes.correct).all()
    lines(files[0], [*OUTCOMES[:2], untold[2]])
    with pytest.raises(DataError, match="column correct, row 3: None is not a number"):
        read_dataset(files[:1], files[1:], graded=False)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("\ufeffmodel,input_usd_per_mtok,output_usd_per_mtok\nm,1,2\n", encoding="utf-8")
    assert set(read_prices(prices)) == {"m"}
    prompts, outcomes = lines(tmp_path / "p.jsonl", PROMPTS), lines(tmp_path / "o.jsonl", OUTCOMES)
    prompts.write_bytes(b"\xef\xbb\xbf" + prompts.read_bytes())
    assert len(read_dataset([outcomes], [prompts]).prompt_ids) == len(PROMPTS)


def test_of_a_model_held_back_outcomes_are_drawn_from_all_its_prompts(tmp_path: Path) -> None:
    prompts: Rows = [{"prompt_id": str(number), "prompt": f"p{number}"} for number in range(40)]
    outcomes: Rows = [
        {"prompt_id": str(number), "model": model, "correct": 1} for model in ("old", "new") for number in range(40)
    ]
    files = [lines(tmp_path / "o.jsonl", outcomes), lines(tmp_path / "p.jsonl", prompts)]
    found = read_dataset(files[:1], files[1:])
    few = found.held_back("new", 6, 3).outcomes
    drawn = few.prompt[few.model == few.models.index("new")].tolist()
    assert len(drawn) == 6
    assert max(drawn) >= 10
    assert (few.model == few.models.index("old")).sum() == 40
    assert found.held_back("new", 0, 3).outcomes.models == ("old",)
    assert found.held_back("never seen", 0, 3).outcomes.models == ("old", "new")
    with pytest.raises(DataError, match="'never seen' has 0 outcomes to learn from, and not 5"):
        found.held_back("never seen", 5, 3)


def test_a_prompt_that_is_there_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3: 'a' is there twice"):
        read_dataset([lines(tmp_path / "o.jsonl", OUTCOMES)], [lines(tmp_path / "p.jsonl", [*PROMPTS, PROMPTS[0]])])


def test_files_of_prompts_may_overlap_as_long_as_they_say_the_same(tmp_path: Path) -> None:
    outcomes = [lines(tmp_path / "o.jsonl", OUTCOMES)]
    first, again = lines(tmp_path / "p.jsonl", PROMPTS), lines(tmp_path / "again.jsonl", PROMPTS[:1])
    alone, both = read_dataset(outcomes, [first]), read_dataset(outcomes, [first, again])
    assert (both.prompt_ids, both.outcomes.prompts) == (alone.prompt_ids, alone.outcomes.prompts)
    other = lines(tmp_path / "other.jsonl", [{**PROMPTS[0], "prompt": "something else"}])
    with pytest.raises(DataError, match=r"other\.jsonl: column prompt_id, row 1: 'a' is another prompt"):
        read_dataset(outcomes, [first, other])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("o.jsonl", b'{"prompt_id": "a"\n', "row 1 is not a JSON object"),
        ("o.jsonl", b"[1, 2]\n", "row 1 is not a JSON object"),
        ("o.parquet", b"not parquet", "cannot be read as Parquet"),
        ("o.csv", b"a,b", "neither Parquet"),
        ("o.jsonl", b"", r"o\.jsonl has no column 'prompt_id'"),
    ],
)
def test_a_file_that_is_no_such_file_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_dataset([file], [lines(tmp_path / "p.jsonl", PROMPTS)])


def test_a_part_of_the_prompts_keeps_their_outcomes_only(tmp_path: Path) -> None:
    whole = read_dataset([lines(tmp_path / "o.jsonl", OUTCOMES)], [lines(tmp_path / "p.jsonl", PROMPTS)])
    part = whole.only(np.array([1]))
    assert part.prompt_ids == ("b",)
    assert part.outcomes.prompt.tolist() == [0]
    assert part.outcomes.correct.tolist() == [0]
    assert part.outcomes.models == whole.outcomes.models


def test_halves_share_no_prompt_and_leave_none_out(tmp_path: Path) -> None:
    prompts: Rows = [{"prompt_id": str(number), "prompt": f"question {number}?"} for number in range(11)]
    outcomes: Rows = [{"prompt_id": str(number), "model": "m", "correct": 1} for number in range(11)]
    whole = read_dataset([lines(tmp_path / "o.jsonl", outcomes)], [lines(tmp_path / "p.jsonl", prompts)])
    one, other = whole.halves(0)
    assert set(one.prompt_ids) | set(other.prompt_ids) == set(whole.prompt_ids)
    assert not set(one.prompt_ids) & set(other.prompt_ids)
    assert whole.halves(0)[0].prompt_ids == one.prompt_ids
    assert whole.halves(1)[0].prompt_ids != one.prompt_ids


def test_prices_keep_their_decimals_and_scores_are_fractions(tmp_path: Path) -> None:
    prices, scores = tmp_path / "prices.csv", tmp_path / "scores.csv"
    prices.write_text("model,input_usd_per_mtok,output_usd_per_mtok,maker_country\nm,0.15,0.6,US\n")
    scores.write_text("model,benchmark,score,source\nm,gpqa-diamond,0.53,a page\nm,mmlu-pro,0.7,a page\n")
    assert read_prices(prices)["m"].input_usd_per_mtok == "0.15"
    assert read_scores(scores) == {"m": {"gpqa-diamond": 0.53, "mmlu-pro": 0.7}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("model,benchmark,score\nm,b,53\n", "column score, row 1: 53 is not a fraction of 1"),
        ("model,benchmark,score\nm,b,high\n", "column score, row 1: 'high' is not a number"),
        ("model,score\nm,0.5\n", "has no column 'benchmark'; it needs model, benchmark, score"),
    ],
)
def test_a_malformed_score_is_named(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=says):
        read_scores(file)

"""Exchanges drawn for a person, judged in the file, and read back: the report then corrects judges by them."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from entrepot.cli.main import main
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.sqlite import open_sqlite, open_sqlite_reader
from tests.learning.finetune.samples import kept_of, said_of
from tests.reports.judged import Company, draw_company, entries_of, judgements_of


def run(directory: Path, *words: object) -> str:
    result = CliRunner().invoke(main, [*map(str, words), "--ledger", str(directory)])
    return f"{result.exit_code} {result.output}"


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = draw_company(np.random.default_rng(1), 200)
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of(company))
        store.insert_documents([], [one for one in judgements_of(company) if one.exchange != sample_entry(0).id])
    return company


def fill(file: Path, company: Company, label: str | None = None) -> list[dict[str, str]]:
    """Give every exchange of the file its label: the truth, or the one given."""
    right = {sample_entry(number).id: company.right[number] for number in range(len(company.right))}
    with file.open(encoding="utf-8-sig", newline="") as read:
        rows = list(csv.DictReader(read))
    for row in rows:
        row["label"] = row["label"] or label or ("good" if right[row["exchange"]] else "0,0")
    with file.open("w", encoding="utf-8", newline="") as written:
        writer = csv.DictWriter(written, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_what_a_person_says_of_exchanges_drawn_by_lot_corrects_judges(tmp_path: Path, company: Company) -> None:
    file = tmp_path / "sample.csv"
    drawn = run(tmp_path, "outcomes", "sample", "--n", 50, "--to", file)
    assert drawn.startswith("0 50 of 199 exchanges of route 'auto' are in ")
    assert "drawn with a chance of 0.251" in drawn
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {float(row["chance"]) for row in fill(file, company)} == {50 / 199}
    for fresh in (50, 0):
        assert f"50 of 50 exchanges have a label, {fresh} of them are new" in run(
            tmp_path, "outcomes", "label", file, "--by", "alice"
        )
    told = json.loads(run(tmp_path, "report", "quality", "--json").removeprefix("0 "))
    (row,) = next(table["rows"] for table in told["tables"] if table["name"] == "judges_corrected")
    assert (row["judged"], row["labelled"], row["how"]) == (199, 50, "lot")
    assert row["corrected_interval"]["low"] < company.right.mean() < row["corrected_interval"]["high"]
    told = json.loads(run(tmp_path, "report", "quality", "--people", "verdict", "--json").removeprefix("0 "))
    (row,) = next(table["rows"] for table in told["tables"] if table["name"] == "judges_corrected")
    assert (row["labelled"], row["corrected"]) == (0, None)
    assert run(tmp_path, "report", "savings", "--people", "verdict").startswith("2 ")


def test_a_larger_sample_holds_the_smaller_with_what_was_said_of_it(tmp_path: Path, company: Company) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    run(tmp_path, "outcomes", "sample", "--n", 30, "--to", small)
    first = {row["exchange"] for row in fill(small, company, "0.5")}
    run(tmp_path, "outcomes", "label", small, "--by", "alice")
    assert run(tmp_path, "outcomes", "sample", "--n", 60, "--to", large).startswith("0 60 of 199")
    with large.open(encoding="utf-8-sig", newline="") as file:
        known = {row["exchange"] for row in csv.DictReader(file) if row["label"] == "0.5"}
    assert known == first
    fill(large, company)
    assert "60 of them are new" in run(tmp_path, "outcomes", "label", large, "--by", "alice")
    again = run(tmp_path, "outcomes", "sample", "--n", 60, "--to", tmp_path / "again.csv")
    assert again.startswith("0 0 of 199"), "nothing is left to be asked"
    with open_sqlite_reader(tmp_path) as reader:
        assert {one.chance for one in reader.judgements(("person",))} == {60 / 199}


def test_the_lot_is_fair(tmp_path: Path, company: Company) -> None:
    run(tmp_path, "outcomes", "sample", "--n", 100, "--all", "--to", tmp_path / "half.csv")
    with (tmp_path / "half.csv").open(encoding="utf-8-sig", newline="") as file:
        drawn = {row["exchange"] for row in csv.DictReader(file)}
    early = sum(sample_entry(number).id in drawn for number in range(100))
    assert 35 <= early <= 65


def test_words_are_there_where_they_are_kept_and_no_formula_is(tmp_path: Path, company: Company) -> None:
    with LedgerPlace(tmp_path).open_content() as content:
        content.insert([kept_of(number, said_of("=cmd()", "+1 for\nyou")) for number in range(150)])
    file = tmp_path / "sample.csv"
    drawn = run(tmp_path, "outcomes", "sample", "--n", 200, "--all", "--to", file)
    assert "of 50 nothing is kept that was said" in drawn
    with file.open(encoding="utf-8-sig", newline="") as read:
        rows = list(csv.DictReader(read))
    worded = [row for row in rows if row["answer"]]
    assert len(worded) == 150
    assert {(row["question"].splitlines()[-1], row["answer"]) for row in worded} == {("=cmd()", "'+1 for\nyou")}
    assert not [row for row in rows if "qwen" in "".join(row.values())], "the model is not told"
    assert run(tmp_path, "outcomes", "sample", "--to", file).startswith("2 ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("exchange,chance,label\nx,0.1,fine\n", "'fine' is no label"),
        ("exchange,chance,label\nx,0.1,7\n", "between 0 and 1"),
        ("exchange,chance,label\nx,0,good\n", "leave that column"),
        ("exchange,label\nx,good\n", "entry 1"),
        ("\xff\xfe", "CSV in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content.encode("latin-1"))
    told = run(tmp_path, "outcomes", "label", file, "--by", "alice")
    assert told.startswith("2 ")
    assert says in told


def test_what_is_not_in_this_ledger_is_passed_over_and_said(tmp_path: Path, company: Company) -> None:
    file = tmp_path / "labels.csv"
    lines = [f"{sample_entry(number).id},0.5,{'good' if number < 202 else ''}" for number in range(198, 206)]
    file.write_text("\n".join(["exchange,chance,label", *lines]), encoding="utf-8")
    told = run(tmp_path, "outcomes", "label", file, "--by", "alice", "--json")
    assert msgspec.json.decode(told.removeprefix("0 ").splitlines()[-1]) == {
        "lines": 8, "labelled": 4, "known": 2, "fresh": 2,
    }  # fmt: skip
    told = run(tmp_path, "outcomes", "label", file, "--by", "alice")
    assert "2 are not in the ledger" in told
    assert "4 are left out" in told


def test_nobody_to_be_drawn_is_said(tmp_path: Path, company: Company) -> None:
    assert "no completed exchanges of route 'other'" in run(tmp_path, "outcomes", "sample", "--route", "other")
    assert "there is no ledger" in run(tmp_path / "..", "outcomes", "sample")

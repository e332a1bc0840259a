"""Judges of known faults, in ledgers of simulated companies: what the report makes of them, and how often it is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from entrepot.exchange.outcome import Outcome
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.judges import Judges, measure_judges
from entrepot.reports.judges_told import tabulate_judges
from entrepot.reports.render import render_csv
from entrepot.reports.wording import Language, words_of
from entrepot.statistics.judges import LEAST_LABELS
from tests.reports.judged import Company, draw_company, entries_of, judgements_of, labels_of

TRUTH = 0.8


def judged(directory: Path, company: Company, asked: np.ndarray, chance: float | None) -> Judges:
    with open_sqlite(directory) as store:
        store.insert(entries_of(company))
        store.insert_documents([], [*judgements_of(company), *labels_of(company, asked, chance)])
        return measure_judges(store)


@pytest.mark.parametrize("by_lot", [True, False])
def test_biased_judges_do_not_bias_what_people_correct_them_to(tmp_path: Path, by_lot: bool) -> None:
    """Forty companies; volunteers speak twice as often of what judges call bad. benchmarks/bench_intervals.py runs 300."""
    chance, runs, held, believed, widths = np.random.default_rng(5), 40, 0, 0, []
    for run in range(runs):
        company = draw_company(chance, 600)
        both = (company.fond.astype(float) + company.plain) / 2
        asked = chance.random(600) < (0.2 if by_lot else np.where(both > 0.5, 0.15, 0.3))
        (found, *_) = judged(tmp_path / str(run), company, asked, 0.2 if by_lot else None).corrected
        assert found.how == ("lot" if by_lot else "volunteers")
        assert found.corrected is not None
        assert found.people is not None
        held += found.corrected.low <= TRUTH <= found.corrected.high
        believed += abs(found.say - TRUTH) < 0.02
        widths.append((found.corrected.high - found.corrected.low) / (found.people.high - found.people.low))
    assert held >= 36
    assert believed < runs / 2
    assert np.mean(widths) < 1.0


def test_labels_by_lot_take_the_place_of_volunteers(tmp_path: Path) -> None:
    company, asked = draw_company(np.random.default_rng(6), 400), np.arange(400) < 3 * LEAST_LABELS
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of(company))
        angry = [Outcome(f"a{number}", sample_entry(number).id, 3, "user", "k", 0.0) for number in range(100, 300)]
        store.insert_documents([], [*judgements_of(company), *angry])
        (before, *_) = measure_judges(store).corrected
        store.insert_documents([], list(labels_of(company, asked, 0.15)))
        (after, *_) = measure_judges(store).corrected
        (verdicts, *_) = measure_judges(store, people=("verdict",)).corrected
    assert (before.how, before.labelled) == ("volunteers", 200)
    assert (after.how, after.labelled) == ("lot", 3 * LEAST_LABELS)
    assert before.corrected is not None
    assert after.corrected is not None
    assert before.corrected.high < 0.1 < after.corrected.low
    assert (verdicts.labelled, verdicts.corrected) == (0, None)


def test_it_is_seen_who_likes_long_answers_and_who_agrees(tmp_path: Path) -> None:
    company = draw_company(np.random.default_rng(7), 3000)
    found = judged(tmp_path, company, np.random.default_rng(8).random(3000) < 0.4, 0.4)
    fond, plain = found.agreements
    assert (fond.judge, plain.judge) == ("fond", "plain")
    assert fond.longer is not None
    assert plain.longer is not None
    assert fond.longer.low > 0.1
    assert plain.longer.low < 0 < plain.longer.high
    assert plain.same.low < 0.8 < plain.same.high
    assert plain.kappa is not None
    assert fond.kappa is not None
    assert fond.kappa.estimate < plain.kappa.estimate < 0.7
    assert plain.lenient is not None
    assert plain.lenient.estimate == pytest.approx(0.8 * 0.8 + 0.2 * 0.2 - 0.8, abs=0.05)
    assert plain.lenient.high < 0


def test_the_routers_word_is_held_against_what_people_make_of_judges(tmp_path: Path) -> None:
    """It expected 95 % and 65 %, which came to 90 % and 65 %; the judges alone would say that it promises far too much."""
    company = draw_company(np.random.default_rng(9), 4000)
    found = judged(tmp_path, company, np.random.default_rng(10).random(4000) < 0.25, 0.25)
    hard, easy, whole = found.foretold
    assert [one.tenth for one in found.foretold] == [7, 10, None]
    assert easy.found.corrected is not None
    assert hard.found.corrected is not None
    assert easy.found.corrected.low < 0.9 < easy.found.corrected.high < easy.expected
    assert hard.found.corrected.low < 0.65 < hard.found.corrected.high
    assert easy.found.say < 0.85
    assert whole.expected == pytest.approx(0.83, abs=0.01)


def test_nobody_judged_is_no_table(tmp_path: Path) -> None:
    company = draw_company(np.random.default_rng(1), 30)
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of(company))
        store.insert_documents([], list(labels_of(company, np.ones(30, dtype=bool), None)))
        assert tabulate_judges(measure_judges(store)) == ()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tables_say_how_it_was_done_and_what_is_missing(tmp_path: Path, language: Language) -> None:
    words, company = words_of(language), draw_company(np.random.default_rng(2), 300)
    few = judged(tmp_path / "few", company, np.arange(300) < LEAST_LABELS - 1, None)
    corrected, agreement = tabulate_judges(few, words)
    assert words("labels_early", least=LEAST_LABELS) in corrected.notes
    assert corrected.charts == ()
    assert [row[5] for row in agreement.rows] == [None, None]
    corrected, agreement, foretold = tabulate_judges(
        judged(tmp_path / "all", company, np.arange(300) < 200, None), words
    )
    assert words("volunteers_how", least=LEAST_LABELS) in corrected.notes
    assert len(corrected.charts) == 1
    assert render_csv([corrected, agreement, foretold]).count("judges_corrected") == 1
    assert len(foretold.rows) == 3

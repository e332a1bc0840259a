from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.render import Label
from entrepot.reports.value import Value, measure_value, tabulate_value
from entrepot.reports.wording import words_of
from tests.reports.test_quality import answered, traffic


def measured(directory: Path, count: int) -> Value:
    with open_sqlite(directory) as store:
        store.insert(traffic(np.random.default_rng(1), count))
        return measure_value(store, "model")


def test_quality_is_levelled_to_what_all_were_asked_together(tmp_path: Path) -> None:
    value = measured(tmp_path, 6000)
    assert (value.source, value.reference) == ("check", "gpt-5")
    worths = {one.name: one for one in value.worths}
    cheap, dear = worths["qwen3-max"], worths["gpt-5"]
    assert cheap.quality is not None
    assert dear.quality is not None
    assert cheap.quality.estimate > dear.quality.estimate  # it was given the easy ones
    assert cheap.level is not None
    assert dear.level is not None
    assert cheap.level.low <= 0.6 * 0.95 + 0.4 * 0.6 <= cheap.level.high
    assert dear.level.low <= 0.6 * 0.97 + 0.4 * 0.7 <= dear.level.high


def test_multiples_are_of_what_was_paid_and_of_level_quality(tmp_path: Path) -> None:
    value = measured(tmp_path, 2000)
    table = tabulate_value(value)
    rows = {row[0].name: row for row in table.rows if isinstance(row[0], Label)}
    assert rows["gpt-5"][-2:] == (1.0, 1.0)
    cheap, dear = ({one.name: one for one in value.worths}[name] for name in ("qwen3-max", "gpt-5"))
    assert cheap.usd is not None
    assert dear.usd is not None
    assert cheap.level is not None
    assert dear.level is not None
    assert rows["qwen3-max"][-2] == cheap.usd / dear.usd
    assert rows["qwen3-max"][-1] == pytest.approx(cheap.level.estimate / dear.level.estimate)
    assert len(table.charts) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_outcomes_or_a_reference_it_is_said_and_costs_stand_alone(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    with open_sqlite(tmp_path) as store:
        store.insert([msgspec.structs.replace(sample_entry(0), cost_nano_usd=2_000)])
        silent = tabulate_value(measure_value(store, "deployment"), words)
        store.insert([msgspec.structs.replace(sample_entry(n), baseline=None) for n in (1, 2)])
    assert silent.notes == (words("no_outcomes"), words("reference_silent", reference="openai/gpt-5"))
    (row,) = silent.rows
    assert row[2] == pytest.approx(2e-6)
    assert row[3:] == (53, 0, None, None, None, None, None, None)
    with open_sqlite(tmp_path / "unnamed") as store:
        store.insert([msgspec.structs.replace(sample_entry(0), baseline=None)])
        assert tabulate_value(measure_value(store, "model"), words).notes[-1] == words("no_reference")


def test_a_reference_may_be_named(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([answered(0, True, 0.9, 0.9), answered(1, True, 0.9, 0.9, by_baseline=True)])
        assert measure_value(store, "model", reference="qwen3-max").reference == "qwen3-max"

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.ledger.checks import SAMPLE_SERVED, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.claim_file import load_claims
from entrepot.reports.claims import MEASURES, Measured, measure_claims, tabulate_claims
from entrepot.reports.wording import words_of
from tests.reports.test_quality import answered

NOW_S = 1_795_000_000.0
DEEPSEEK = msgspec.structs.replace(SAMPLE_SERVED, maker="deepseek", model="deepseek-v4", open_weights=True)
OPENAI = msgspec.structs.replace(SAMPLE_SERVED, maker="openai", maker_country="US", model="gpt-5", open_weights=False)
LOCAL = msgspec.structs.replace(DEEPSEEK, on_premises=True, region="LOCAL", provider="ollama")


def measured(directory: Path, *, count: int = 10) -> dict[str, Measured]:
    """Six of ten by DeepSeek (two on the premises), four by OpenAI, at 1 and 10 micro-dollars a request."""
    entries = []
    for number in range(count):
        served = (DEEPSEEK, OPENAI, DEEPSEEK, OPENAI, LOCAL)[number % 5]
        entry = msgspec.structs.replace(
            answered(number, number % 2 == 0, 0.9, 0.9 if served is not OPENAI else 0.3),
            served=served,
            cost_nano_usd=10_000 if served is OPENAI else 1_000,
            usage=sample_entry(0).usage,
            client_region="SG",
            language="zh",
        )
        entries.append(entry)
    with open_sqlite(directory) as store:
        store.insert(entries)
        return {claim.id: found for claim, found in measure_claims(store, load_catalog(), NOW_S)}


def test_every_claim_is_measured_or_told_why_not() -> None:
    assert set(MEASURES) == {claim.id for claim in load_claims()}


def test_shares_and_ratios_are_those_of_the_ledger(tmp_path: Path) -> None:
    found = measured(tmp_path)
    assert found["share-us-visits"].value == pytest.approx(0.4)
    assert found["share-one-in-five"].value == pytest.approx(0.6)
    assert found["share-open-38"].value == 1.0
    assert found["private-deployment"].value == pytest.approx(0.2)
    assert found["downloads"].value == pytest.approx(1.5)
    assert found["price-ratio-api"].value == pytest.approx(0.1)
    assert found["concentration"].value == pytest.approx(1 / (0.36 + 0.16))
    assert found["regions"].ledger == "SG 100.0 %"
    assert found["hybrid"].ledger == "Chinese makers' share: easy 100.0 %, hard 0.0 %"


def test_list_prices_are_compared_from_the_catalog(tmp_path: Path) -> None:
    found = measured(tmp_path)
    for claim in ("price-ratio-api", "price-deepseek-r1", "price-17x", "price-5-8-percent"):
        assert found[claim].listed.endswith("×"), claim
        assert 0 < float(found[claim].listed.removesuffix("×")) < 1, claim


def test_quality_is_compared_once_there_are_outcomes_of_both(tmp_path: Path) -> None:
    assert "fewer than 30 outcomes" in measured(tmp_path / "few")["quality-gap"].why
    found = measured(tmp_path / "many", count=200)["quality-gap"]
    assert found.value is not None
    assert "by checks" in found.ledger


def test_what_no_ledger_can_measure_has_its_reason(tmp_path: Path) -> None:
    found = measured(tmp_path)
    for claim in ("gdp", "index", "derivatives", "risk", "cost-3-10-percent"):
        assert found[claim].ledger == ""
        assert found[claim].why


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_empty_ledger_measures_nothing_and_says_so(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    with open_sqlite(tmp_path) as store:
        found = measure_claims(store, load_catalog(), NOW_S, words=words)
    assert [claim.id for claim, one in found if not one.why and not one.listed] == []
    table = tabulate_claims(found, words)
    assert len(table.rows) == 31
    assert all(row[6] for row in table.rows)

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import Period
from entrepot.reports.charts import Lines
from entrepot.reports.render import Label, Quantity
from entrepot.reports.spend import measure_forecast, measure_spend, tabulate_forecast, tabulate_spend
from entrepot.reports.wording import words_of

DAY_NS = 86_400_000_000_000
DEAR = msgspec.structs.replace(
    SAMPLE_SERVED, deployment="openai/gpt-5", model="gpt-5", maker="openai", maker_country="US"
)


def test_the_dearest_stands_first_with_its_unit_costs(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(n) for n in range(4)])
        store.insert([msgspec.structs.replace(sample_entry(4), served=DEAR, cost_nano_usd=3_200_000)])
        spend = measure_spend(store, "model")
    table = tabulate_spend(spend)
    first, second, total = table.rows
    assert [row[0].name for row in table.rows if isinstance(row[0], Label)] == ["gpt-5", "qwen3-max", "total"]
    assert first[1:3] == (1, 3_200_000)
    tokens = 104 + 7 + 50 + 3
    assert first[4] == pytest.approx(0.0032)
    assert first[5] == pytest.approx(0.0032 / tokens * 1e6)
    assert second[2] == 1_000 + 1_001 + 1_002 + 1_003
    assert total[1:3] == (5, 3_204_006)
    assert total[3] == 1.0


def test_what_has_no_known_cost_has_no_unit_cost_and_is_told(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([msgspec.structs.replace(sample_entry(0), cost_nano_usd=None), sample_entry(1)])
        by_team = tabulate_spend(measure_spend(store, "team"))
        store.insert([msgspec.structs.replace(sample_entry(2), cost_nano_usd=None, team="研发")])
        (_, unknown, _) = tabulate_spend(measure_spend(store, "team")).rows
    assert by_team.rows[0][4] == pytest.approx(1_001e-9)
    assert by_team.rows[0][5] is None  # the tokens of the one are known, its cost is not
    assert by_team.notes == ("The cost of 1 exchanges is unknown; it is in no sum.",)
    assert unknown[1:6] == (1, None, None, None, None)


def test_days_stand_the_last_first_and_are_drawn_in_order(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([msgspec.structs.replace(sample_entry(n), started_ns=FIRST_NS + n * DAY_NS) for n in range(3)])
        store.insert([msgspec.structs.replace(sample_entry(3), started_ns=FIRST_NS, served=None, state="failed")])
        table = tabulate_spend(measure_spend(store, "day"), limit=1)
    assert [row[0].name for row in table.rows if isinstance(row[0], Label)] == ["2026-01-03", "others", "total"]
    (chart,) = table.charts
    assert isinstance(chart, Lines)
    assert chart.places == ("2026-01-01", "2026-01-02", "2026-01-03")
    assert chart.lines[0].values == (1000 + 1003, 1001, 1002)


def month(store_at: Path, days: int) -> None:
    """A dollar a day, and a little more on every other."""
    with open_sqlite(store_at) as store:
        store.insert(
            [
                msgspec.structs.replace(
                    sample_entry(n), started_ns=FIRST_NS + n * DAY_NS, cost_nano_usd=10**9 + n % 2 * 10**7
                )
                for n in range(days)
            ]
        )


def test_the_forecast_runs_to_the_end_of_the_month_unless_told_otherwise(tmp_path: Path) -> None:
    month(tmp_path, 20)
    with open_sqlite(tmp_path) as store:
        now_ns = FIRST_NS + 19 * DAY_NS + DAY_NS // 2
        forecast = measure_forecast(store, Period(), now_ns)
        later = measure_forecast(store, Period(FIRST_NS, FIRST_NS + 60 * DAY_NS), now_ns)
        past = measure_forecast(store, Period(until_ns=now_ns), now_ns)
    assert past is None
    assert forecast is not None
    assert forecast.total is not None
    estimate, low, high = forecast.total
    assert forecast.spent_nano_usd == 20 * 10**9 + 10 * 10**7  # that of today lies at midnight
    assert estimate == pytest.approx((20.1 + 11.5 * 1.005) * 1e9, rel=0.002)
    assert low < estimate < high
    assert forecast.days == 19
    assert later is not None
    assert later.total is not None
    assert later.total[0] == pytest.approx((20.1 + 40.5 * 1.005) * 1e9, rel=0.002)


def test_days_on_which_nothing_happened_count(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        for n in (0, 8):
            store.insert(
                [msgspec.structs.replace(sample_entry(n), started_ns=FIRST_NS + n * DAY_NS, cost_nano_usd=10**9)]
            )
        forecast = measure_forecast(store, Period(), FIRST_NS + 10 * DAY_NS)
    assert forecast is not None
    assert forecast.days == 10
    assert forecast.total is not None
    assert forecast.total[0] < 10 * 10**9


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_forecast_tells_its_method_or_why_there_is_none(tmp_path: Path, language: str) -> None:
    words = words_of("zh" if language == "zh" else "en")
    month(tmp_path, 20)
    with open_sqlite(tmp_path) as store:
        known = measure_forecast(store, Period(), FIRST_NS + 19 * DAY_NS)
        early = measure_forecast(store, Period(), FIRST_NS + 3 * DAY_NS)
    assert known is not None
    assert early is not None
    table = tabulate_forecast(known, words)
    assert len(table.rows) == 2
    assert table.notes == (words("forecast_how", days=19), words("forecast_not"))
    (row,) = tabulate_forecast(early, words).rows
    assert isinstance(row[1], Quantity)
    assert tabulate_forecast(early, words).notes == (words("no_forecast", least=7, days=3),)

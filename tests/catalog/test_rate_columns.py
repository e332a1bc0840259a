"""Rates of many requests at once are those that the tariff names for each."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.catalog.price import Price, PriceChange, PriceTier, PriceWindow
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.rate_columns import rates_of

RATES = ExchangeRates(usd_per_cny=Decimal("0.14"), as_of="2026-10-01", source="a page")
FIRST_S = 1_767_225_600  # 2026-01-01
ONE, TWO = Decimal(1), Decimal(2)

tiers = st.lists(
    st.builds(
        PriceTier,
        input_per_mtok=st.just(TWO),
        output_per_mtok=st.just(Decimal(8)),
        input_tokens_above=st.sampled_from([10, 20, 30]),
        output_tokens_above=st.sampled_from([0, 5]),
    ),
    max_size=2,
    unique_by=lambda tier: tier.input_tokens_above,
).map(tuple)
windows = st.sampled_from([(), (PriceWindow(Decimal("0.5"), ("08:30-12:00",), 8, (1, 2, 3)),)])
changes = st.sampled_from([(), (PriceChange(input_per_mtok=TWO, output_per_mtok=TWO, starts_on="2026-01-02"),)])
prices = st.builds(
    Price,
    input_per_mtok=st.just(ONE),
    output_per_mtok=st.just(Decimal(4)),
    cache_read_per_mtok=st.none() | st.just(Decimal("0.1")),
    tiers=tiers,
    windows=windows,
    changes=changes,
    input_tokens_up_to=st.none() | st.just(25),
    currency=st.sampled_from(["USD", "CNY"]),
    source=st.just("a page"),
    as_of=st.just("2026-10-01"),
)
requests = st.tuples(st.integers(0, 40), st.integers(FIRST_S, FIRST_S + 3 * 86_400), st.integers(0, 10))


@settings(deadline=None)
@given(prices, st.lists(requests, min_size=1, max_size=20))
def test_rates_of_many_are_those_of_each(price: Price, asked: list[tuple[int, int, int]]) -> None:
    tariff = Tariff(price, RATES)
    given_, at_s, wrote = (np.array(values) for values in zip(*asked, strict=True))
    found = rates_of(tariff, given_, at_s.astype(float), wrote)
    assert [tuple(row) for row in found.tolist()] == [
        tariff.usd_per_kind(length, float(moment), written) for length, moment, written in asked
    ]
    short = rates_of(tariff, given_, at_s.astype(float))
    assert [(row[0], row[3]) for row in short.tolist()] == [
        tariff.usd_per_token(length, float(moment)) for length, moment, _ in asked
    ]

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.catalog.price import Price, PriceTier
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.simulator.books import Books, Row, Tokens, cost_of, in_nano, total

PRICE = Price(
    input_per_mtok=Decimal("2.5"),
    output_per_mtok=Decimal(10),
    source="made up",
    as_of="2026-01-01",
    cache_read_per_mtok=Decimal("0.25"),
    reasoning_per_mtok=Decimal(12),
    cache_write_per_mtok=Decimal("3.125"),
    cache_write_1h_per_mtok=Decimal(5),
    tiers=(PriceTier(input_tokens_above=1000, input_per_mtok=Decimal(5), output_per_mtok=Decimal(15)),),
)


def row(provider: str, tokens: Tokens, cost: Decimal | None) -> Row:
    nano = None if cost is None else in_nano(cost)
    return Row("id", provider, "m", False, 200, "completed", tokens, cost, nano, "USD", 100, 7)


def test_each_kind_of_token_has_its_own_price() -> None:
    assert cost_of(Tokens(100, 40, 20, 10), PRICE) == Decimal("0.00058")


def test_a_long_request_is_billed_at_its_tier_and_tokens_without_a_price_there_as_input_and_output() -> None:
    assert cost_of(Tokens(1000, 1, 10, 10), PRICE) == (1001 * Decimal(5) + 20 * Decimal(15)) / 1_000_000


def test_writing_to_the_cache_for_an_hour_has_a_price_of_its_own() -> None:
    written = Tokens(cache_write_tokens=10, cache_write_1h_tokens=4)
    assert cost_of(written, PRICE) == (6 * Decimal("3.125") + 4 * 5) / 1_000_000


def test_half_a_nano_is_rounded_up() -> None:
    assert in_nano(Decimal("0.0000000025")) == 3
    assert in_nano(Decimal("0.0000000024")) == 2


@given(st.tuples(*[st.integers(0, 10_000)] * 5), st.integers(0, 10_000))
def test_the_books_agree_with_the_catalogs_arithmetic(counts: tuple[int, ...], hour: int) -> None:
    read, cached, wrote, thought, kept = counts
    tokens = Tokens(read, cached, wrote, thought, kept, min(hour, kept))
    usage = Usage(
        input_tokens=tokens.input_tokens,
        cache_read_tokens=tokens.cache_read_tokens,
        output_tokens=tokens.output_tokens,
        reasoning_tokens=tokens.reasoning_tokens,
        cache_write_tokens=tokens.cache_write_tokens,
        cache_write_1h_tokens=tokens.cache_write_1h_tokens,
    )
    tariff = Tariff(PRICE, ExchangeRates(Decimal("0.14"), "2026-01-01", "made up"))
    billed = tariff.cost(usage, 0.0)
    assert billed is not None
    assert in_nano(cost_of(tokens, PRICE)) == billed.nano_usd


def test_totals_add_up_and_say_what_has_no_price() -> None:
    rows = [row("a", Tokens(1, 2, 3, 4), Decimal("0.001")), row("a", Tokens(10, 20, 30, 40), None)]
    summed = total(rows)
    assert (summed.requests, summed.completed, summed.unpriced) == (2, 2, 1)
    assert summed.tokens == Tokens(11, 22, 33, 44)
    assert summed.cost_nano == 1_000_000


def test_the_books_keep_providers_apart() -> None:
    books = Books()
    books.rows += [row("a", Tokens(1), None), row("b", Tokens(2), None)]
    assert [each.tokens.input_tokens for each in books.of("b")] == [2]

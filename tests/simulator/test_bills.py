from decimal import Decimal

import pytest

from entrepot.simulator.bills import fetch_books, owed_nano_usd
from entrepot.simulator.books import Row, Tokens
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.process import simulator_process
from entrepot.simulator.workload import Ask, run_workload
from tests.simulator.test_books import PRICE


def row(cost: str | None, currency: str) -> Row:
    amount = None if cost is None else Decimal(cost)
    return Row("id", "p", "m", False, 200, "completed", Tokens(), amount, 0, currency, 0, 0)


def test_every_row_is_rounded_by_itself_and_yuan_are_converted() -> None:
    rows = [row("0.0000000025", "USD"), row("0.0000000025", "USD"), row("0.00001", "CNY"), row(None, "USD")]
    assert owed_nano_usd(rows, Decimal("0.149")) == 3 + 3 + 1490


def test_only_what_is_wanted_is_added() -> None:
    rows = [row("1", "USD"), row("2", "CNY")]
    assert owed_nano_usd(rows, Decimal(1), lambda each: each.currency == "USD") == 1_000_000_000


@pytest.mark.end_to_end
async def test_the_books_come_back_as_they_were_kept() -> None:
    plan = Plan((StandInProvider("p", (StandInModel("m", PRICE),)),))
    with simulator_process(plan) as places:
        (got,) = await run_workload(places.base_url("p"), [Ask("1", "m", "港口在哪里？")])
        (kept,) = fetch_books(places.url)
    assert got.usage is not None
    assert kept.tokens.input_tokens == got.usage["prompt_tokens"]
    assert kept.cost == (kept.tokens.input_tokens * Decimal("2.5") + kept.tokens.output_tokens * 10) / 1_000_000

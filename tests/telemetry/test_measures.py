from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord
from entrepot.telemetry.measures import COST, INSTRUMENTS, SERVED_EACH, TOKEN_USAGE, Measured, measures_of
from tests.telemetry.told import HOSTS, an_attempt, an_entry


def measures(*attempts: AttemptRecord, **facts: Any) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {}
    for each in measures_of(an_entry(*attempts, **facts), HOSTS):
        found.setdefault(each.instrument, []).append(each)
    return found


def total(measured: Iterable[Measured]) -> float:
    return sum(each.amount for each in measured)


def test_every_instrument_is_one_that_is_known_and_a_streamed_exchange_fills_all_but_one() -> None:
    assert measures(an_attempt()).keys() == {one.name for one in INSTRUMENTS} - {"entrepot.unpriced_calls"}
    assert measures(an_attempt(cost_nano_usd=None))["entrepot.unpriced_calls"][0].amount == 1


counts = st.integers(0, 10**6)


@given(
    st.lists(st.one_of(st.none(), st.builds(Usage, counts, counts, counts, counts, counts, st.booleans())), max_size=4)
)
def test_tokens_and_money_are_those_of_the_calls(usages: list[Usage | None]) -> None:
    attempts = [
        an_attempt(number, usage=usage, cost_nano_usd=number * 10**12 + 1) for number, usage in enumerate(usages)
    ]
    found = measures(*attempts)
    by_type = {
        kind: total(one for one in found.get(TOKEN_USAGE.name, ()) if one.attributes["gen_ai.token.type"] == kind)
        for kind in ("input", "output")
    }
    assert by_type["input"] == sum(usage.all_input for usage in usages if usage is not None)
    assert by_type["output"] == sum(usage.all_output for usage in usages if usage is not None)
    assert total(found.get(COST.name, ())) == sum(attempt.cost_nano_usd or 0 for attempt in attempts)


def test_a_count_of_our_own_says_so() -> None:
    (read, wrote) = measures(an_attempt(usage=Usage(5, output_tokens=7, estimated=True)))[TOKEN_USAGE.name]
    assert read.attributes["entrepot.usage.estimated"] is wrote.attributes["entrepot.usage.estimated"] is True


def test_a_call_is_told_apart_by_where_it_went_and_how_it_failed_and_by_no_word_of_others() -> None:
    found = measures(an_attempt(failure="timeout", claimed_model="a-name-a-minute", failure_code="of-the-provider"))
    (call,) = found["gen_ai.client.operation.duration"]
    assert call.amount == 1.5
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "mistral-large-2512",
        "server.address": "api.mistral.test",
        "server.port": 443,
        "entrepot.deployment": "mistral/large",
        "error.type": "timeout",
    }
    assert "a-name-a-minute" not in str(found)
    assert "of-the-provider" not in str(found)


def test_what_a_client_made_up_makes_no_series() -> None:
    found = measures(state="refused", route=None, served=None, asked_model="made-up", error_code="not_found")
    (served,) = found["gen_ai.server.request.duration"]
    assert served.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "entrepot",
        "error.type": "not_found",
    }
    assert "made-up" not in str(found)


def test_time_by_the_token_is_that_after_the_first() -> None:
    (each,) = measures(an_attempt())[SERVED_EACH.name]
    assert each.amount == pytest.approx((1.501 - 0.251) / 44)
    assert SERVED_EACH.name not in measures(an_attempt(), usage=Usage(output_tokens=1))
    assert SERVED_EACH.name not in measures(an_attempt(), stream=False)
    assert SERVED_EACH.name not in measures(an_attempt(), state="broken")

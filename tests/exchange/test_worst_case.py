from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.capabilities import gist_of
from entrepot.canonical.response import Usage
from entrepot.catalog.price import PriceService, PriceTier
from entrepot.catalog.pricing import Tariff
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.plan import Candidate
from entrepot.exchange.worst_case import worst_nano_usd
from tests.exchange.things import a_price, an_exchange_rate
from tests.exchange.transcript import candidate

PLAIN = candidate("p/m", "1", "2")


def ask(**more: Any) -> Asked:
    body = {"model": "m", "messages": [{"role": "user", "content": "你好 hello"}], **more}
    return OpenAIChat().parse_request(json.dumps(body).encode())


def with_facts(**facts: Any) -> Candidate:
    return msgspec.structs.replace(PLAIN, deployment=msgspec.structs.replace(PLAIN.deployment, **facts))


def with_price(**more: Any) -> Candidate:
    return msgspec.structs.replace(PLAIN, tariff=Tariff(a_price("1", "2", **more), an_exchange_rate()))


def test_it_is_every_byte_read_and_the_whole_limit_written() -> None:
    worst = worst_nano_usd(ask(max_tokens=1000), PLAIN, None, 744, 0.0)
    assert worst == (744 + 256) * 1_000 + 1000 * 2_000


def test_a_request_without_a_limit_has_the_routes_and_else_the_deployments() -> None:
    routes = worst_nano_usd(ask(), with_facts(max_output_tokens=9000), 100, 744, 0.0)
    assert routes == 1_000_000 + 100 * 2_000
    own = worst_nano_usd(ask(), with_facts(max_output_tokens=9000), None, 744, 0.0)
    assert own == 1_000_000 + 9000 * 2_000


def test_a_switch_that_is_off_costs_nothing() -> None:
    assert worst_nano_usd(ask(max_tokens=10, enable_search=False), PLAIN, None, 744, 0.0) == 1_000_000 + 10 * 2_000


def test_a_limit_below_the_least_that_is_sent_counts_as_that() -> None:
    least = with_facts(quirks=frozenset({"least_16_output_tokens"}))
    assert worst_nano_usd(ask(max_tokens=1), least, None, 744, 0.0) == 1_000_000 + 16 * 2_000
    assert worst_nano_usd(ask(max_tokens=17), least, None, 744, 0.0) == 1_000_000 + 17 * 2_000


def test_every_answer_of_several_is_counted_and_so_is_what_is_thrown_away() -> None:
    assert worst_nano_usd(ask(max_tokens=10, n=3), PLAIN, None, 744, 0.0) == 1_000_000 + 30 * 2_000
    for five in (5, "5", 5.0):
        assert worst_nano_usd(ask(max_tokens=10, best_of=five), PLAIN, None, 744, 0.0) == 1_000_000 + 50 * 2_000


@pytest.mark.parametrize(
    ("asked", "of", "reason"),
    [
        (ask(), PLAIN, "no token limit"),
        (ask(max_tokens=5), msgspec.structs.replace(PLAIN, tariff=None), "price is unknown"),
        (ask(max_tokens=5, service_tier="gold"), PLAIN, "the service it asks for"),
        (ask(max_tokens=5), with_price(input_tokens_up_to=100), "for so long a request"),
        (ask(max_tokens=5), with_facts(quirks=frozenset({"enable_thinking"})), "think beyond"),
        (ask(max_tokens=5, web_search_options={}), PLAIN, "billed beside"),
        (ask(max_tokens=5, enable_search=True), PLAIN, "billed beside"),
        (ask(max_tokens=5, models=["dear/model"]), PLAIN, "'models' leaves to the provider who answers"),
        (ask(max_tokens=5, provider={"only": ["dear"]}), PLAIN, "'provider' leaves to the provider who answers"),
        (ask(max_tokens=5, best_of="many"), PLAIN, "no whole number"),
    ],
    ids=[
        "no limit",
        "no price",
        "unknown service",
        "too long for the price",
        "thinks beside its limit",
        "searches",
        "searches by a switch",
        "names other models",
        "names other hosts",
        "tries nobody knows how often",
    ],
)
def test_what_nobody_can_bound_has_a_reason(asked: Asked, of: Candidate, reason: str) -> None:
    worst = worst_nano_usd(asked, of, None, 744, 0.0)
    assert isinstance(worst, str)
    assert reason in worst


def test_what_is_free_costs_nothing_without_a_limit() -> None:
    free = msgspec.structs.replace(PLAIN, tariff=Tariff(a_price("0", "0"), an_exchange_rate()))
    assert worst_nano_usd(ask(), free, None, 744, 0.0) == 0


def test_a_service_left_to_the_provider_is_the_dearest() -> None:
    priced = with_price(services=(PriceService("priority", Decimal(2)), PriceService("flex", Decimal("0.5"))))
    bounds = {
        tier: worst_nano_usd(ask(max_tokens=100, **extra), priced, None, 744, 0.0)
        for tier, extra in {
            "open": {},
            "auto": {"service_tier": "auto"},
            "default": {"service_tier": "default"},
            "flex": {"service_tier": "flex"},
        }.items()
    }
    assert bounds == {"open": 2_400_000, "auto": 2_400_000, "default": 1_200_000, "flex": 1_200_000}


def test_a_picture_is_bounded_and_a_film_only_by_the_context() -> None:
    picture = ask(
        max_tokens=1,
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}
        ],
    )
    assert worst_nano_usd(picture, PLAIN, None, 744, 0.0) == 51_000 * 1_000 + 2_000
    assert worst_nano_usd(picture, with_facts(context_tokens=8000), None, 744, 0.0) == 8000 * 1_000 + 2_000
    film = ask(max_tokens=1, messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "f-1"}}]}])
    assert isinstance(worst_nano_usd(film, PLAIN, None, 744, 0.0), str)
    assert worst_nano_usd(film, with_facts(context_tokens=8000), None, 744, 0.0) == 8000 * 1_000 + 2_000


RATE = st.decimals("0", "50", places=2)


@given(
    st.tuples(*[RATE] * 9),
    st.lists(st.tuples(st.integers(0, 2000), RATE, RATE), max_size=3),
    st.sampled_from(["USD", "CNY"]),
    st.lists(st.integers(0, 400), min_size=5, max_size=5),
    st.booleans(),
)
def test_no_usage_within_the_bounds_costs_more(
    rates: tuple[Decimal, ...],
    tiers: list[tuple[int, Decimal, Decimal]],
    currency: Any,
    counts: list[int],
    flex: bool,
) -> None:
    price = a_price(
        str(rates[0]),
        str(rates[1]),
        cache_read_per_mtok=rates[2],
        cache_write_per_mtok=rates[3],
        cache_write_1h_per_mtok=rates[4],
        reasoning_per_mtok=rates[5],
        audio_input_per_mtok=rates[6],
        audio_output_per_mtok=rates[7],
        tiers=tuple(
            PriceTier(input_tokens_above=above, input_per_mtok=given_, output_per_mtok=out)
            for above, given_, out in tiers
        ),
        services=(PriceService("flex", Decimal("0.5")), PriceService("priority", Decimal(2))),
        currency=currency,
    )
    tariff = Tariff(price, an_exchange_rate())
    usage = Usage(
        counts[0],
        counts[1],
        counts[2],
        counts[3],
        counts[4],
        cache_write_1h_tokens=counts[2] // 2,
        service_tier="flex" if flex else "priority",
    )
    bound = tariff.worst_nano_usd(usage.all_input + 7, usage.all_output + 3, 0.0, hour=True, sound=True)
    money = tariff.cost(usage, 0.0)
    assert money is not None
    assert bound is not None
    assert money.nano_usd <= bound


texts_only = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=9)}),
    min_size=1,
    max_size=3,
)
settings_of = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 9000),
        "n": st.integers(1, 2),
        "logprobs": st.booleans(),
        "stop": st.just("x"),
    },
)


@given(texts_only, settings_of, st.sampled_from([PLAIN, with_facts(context_tokens=500)]))
def test_texts_alone_need_no_second_look(messages: list[dict[str, str]], fields: dict[str, Any], at: Candidate) -> None:
    asked = OpenAIChat().parse_request(json.dumps({"model": "m", "messages": messages, **fields}).encode())
    only_text = gist_of(asked.request).only_text
    assert only_text == ("logprobs" not in fields and fields.get("n", 1) == 1)
    if only_text:
        assert worst_nano_usd(asked, at, 70, 744, 0.0, only_text=True) == worst_nano_usd(asked, at, 70, 744, 0.0)

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from entrepot.catalog.load import load_catalog
from entrepot.cli.main import main
from entrepot.cli.models import list_rows, print_by_model

CATALOG = load_catalog()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments])


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    listed: list[dict[str, Any]] = json.loads(result.stdout)
    return listed


def line_of(output: str, *words: str) -> str:
    (line,) = [line for line in output.splitlines() if all(word in line for word in words)]
    return " ".join(line.split())


def test_lists_every_model_and_every_offer() -> None:
    listed = rows()
    assert {row["model"]["id"] for row in listed} == {model.id for model in CATALOG.models}
    listed_at = {(row["provider"]["id"], row["model"]["id"]) for row in listed if row["provider"] is not None}
    assert listed_at == {(provider.id, offer.model) for provider in CATALOG.providers for offer in provider.offers}


def test_a_line_has_place_context_and_price_in_the_currency_of_the_bill() -> None:
    output = run("--provider", "deepseek").output
    assert line_of(output, "deepseek-v4.1-flash") == (
        "deepseek-v4.1-flash deepseek CN deepseek (cn, cn-anthropic) CN 1,000,000 1 CNY+ 4 CNY+ open MIT unknown"
    )


def test_a_price_with_a_cliff_is_marked_and_regions_are_told_apart() -> None:
    output = run("--provider", "openai", "--search", "gpt-6-sol").output
    assert "openai (global) GLOBAL 1,050,000 2 USD+ 10 USD+" in line_of(output, "(global)")
    assert "2.2 USD+ 11 USD+" in line_of(output, " EU,")


def test_what_is_unknown_is_called_unknown() -> None:
    output = run("--provider", "huggingface", "--search", "deepseek-v4-pro-0813").output
    assert line_of(output, "deepseek-v4-pro-0813").endswith("1,000,000 unknown unknown open MIT unknown")


def test_open_weights_that_nobody_hosts_are_for_ones_own_machines() -> None:
    assert "self-hosted" in line_of(run("--maker", "nexusflow").output, " open ")


def test_a_model_is_followed_through_its_hosts_from_the_least_expensive_on_and_unknown_last() -> None:
    listed = [row for row in rows("--maker", "deepseek") if row["model"]["id"] == "deepseek-v4-pro-0813"]
    prices = [row["provider"]["offer"]["price"] for row in listed]
    known = [price for price in prices if price is not None]
    dollars = [
        Decimal(price["input_per_mtok"]) * (CATALOG.exchange_rates.usd_per_cny if price["currency"] == "CNY" else 1)
        for price in known
    ]
    assert dollars == sorted(dollars)
    assert {price["currency"] for price in known} == {"USD", "CNY"}
    assert prices[len(known) :] == [None] * (len(prices) - len(known)) != []


@pytest.mark.parametrize("word", ["智谱", "bigmodel", "ZHIPU"])
def test_text_is_searched_for_in_names_of_any_script(word: str) -> None:
    found = rows("--search", word)
    assert found
    assert "zhipu" in {row["maker"]["id"] for row in found}


def test_a_model_is_found_by_another_of_its_names() -> None:
    assert {row["model"]["id"] for row in rows("--search", "deepseek-ai/deepseek-v4.1-flash")} == {
        "deepseek-v4.1-flash"
    }


def test_filters_narrow_together() -> None:
    found = rows("--country", "cn", "--provider", "Mistral", "--open-weights")
    assert {row["maker"]["country"] for row in found} == {"CN"}
    assert {row["provider"]["id"] for row in found} == {"mistral"}
    assert {row["model"]["open_weights"] for row in found} == {True}


def test_json_has_source_and_day_of_a_price_and_money_as_text() -> None:
    (row,) = rows("--provider", "deepseek", "--search", "deepseek-flash")
    offer = row["provider"]["offer"]
    assert (offer["price"]["input_per_mtok"], offer["price"]["output_per_mtok"]) == ("1", "4")
    assert offer["price"]["source"]
    assert len(offer["price"]["as_of"]) == 10
    assert [region["processed_in"] for region in row["provider"]["regions"]] == ["CN", "CN"]


@pytest.mark.parametrize("maker", ["alibaba", "anthropic", "meta"])
def test_a_pipe_gets_one_line_a_row(maker: str) -> None:
    lines = [line for line in run("--maker", maker).output.splitlines() if f" {maker} " in line]
    assert len(lines) == len(rows("--maker", maker))


def test_languages_are_named_or_counted_as_the_maker_does() -> None:
    named = line_of(run("--search", "llama-4-scout", "--provider", "groq").output, " groq ")
    assert named.endswith("Llama 4 Community License ar, de, en and 9 more")
    assert line_of(run("--maker", "alibaba").output, "qwen3-8b ").endswith("Apache-2.0 119")


def test_of_many_regions_the_first_are_named() -> None:
    lines = run("--provider", "google-vertex", "--search", "gemini-3.5-flash-lite").output.splitlines()
    assert any("google-vertex (us, eu, europe-west1 and 17 more)" in line for line in lines)
    assert any("US, EU, BE and 13 more" in line for line in lines)


def test_the_rate_is_shown_with_its_day() -> None:
    assert "1 CNY = 0.148998 USD (2026-09-04)" in run("--maker", "deepseek").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--provider", "opnai"), "entrepot: no provider 'opnai' in the catalog; did you mean 'openai'?"),
        (("--maker", "antropic"), "entrepot: no maker 'antropic' in the catalog; did you mean 'anthropic'?"),
        (("--country", "uk"), "'uk' is not an ISO 3166-1 alpha-2 code; did you mean GB?"),
        (("--country", "法国"), "'法国' is not an ISO 3166-1 alpha-2 code, such as CN or FR"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_one(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_nothing_found_is_no_error() -> None:
    result = run("--search", "没有这样的模型")
    assert result.exit_code == 0
    assert "no model in the catalog" in result.output


def test_a_terminal_without_room_for_the_table_gets_a_line_for_each_model_and_its_offers_below() -> None:
    offers = [row for row in list_rows(CATALOG) if row.model.id == "glm-5.3-flash"]
    out = io.StringIO()
    print_by_model(offers, Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("glm-5.3-flash  zhipu (CN), context 1,000,000, weights open, licence MIT")
    assert len(lines) == 1 + len(offers)
    assert any("mistral (eu, us)" in line and "0.165 USD / 0.55 USD" in line and "EU, US" in line for line in lines)

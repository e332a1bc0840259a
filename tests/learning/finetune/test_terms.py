"""Whose answers may be learned from: by licence and host, by what the operator says, and never by default."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.catalog.schema import Licence
from entrepot.learning.finetune.terms import Answering, Terms

CATALOG = load_catalog()
HERE = Answering("ours/qwen3-32b", "qwen3-32b", "alibaba", "vllm", on_premises=True)
HOSTED = Answering("deepseek/deepseek-v4.1-flash", "deepseek-v4.1-flash", "deepseek", "deepseek", on_premises=False)
CLOSED = Answering("openai/gpt-6.1-sol", "gpt-6.1-sol", "openai", "openai", on_premises=False)
NOBODYS = Answering("ours/own", "own-model", "us", "vllm", on_premises=True)


def test_an_open_licence_on_ones_own_machines_allows_it_and_is_cited() -> None:
    ruling = Terms(CATALOG).rule_on(HERE)
    assert ruling.allowed
    assert (
        ruling.why
        == "the licence Apache-2.0 (https://spdx.org/licenses/Apache-2.0.html, 2026-11-22), on your own machines"
    )


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (HOSTED, "allows it; what the terms of deepseek say of it is not known"),
        (CLOSED, r"what its licence \(proprietary\) says of it is not known"),
        (NOBODYS, "its licence is not known"),
    ],
)
def test_what_is_not_known_is_not_allowed(who: Answering, why: str) -> None:
    ruling = Terms(CATALOG).rule_on(who)
    assert not ruling.allowed
    assert re.search(why, ruling.why)


@pytest.mark.parametrize("name", ["deepseek", "deepseek-v4.1-flash", "deepseek/deepseek-v4.1-flash"])
def test_who_has_read_the_terms_says_so_by_any_name(name: str) -> None:
    ruling = Terms(CATALOG, {name}).rule_on(HOSTED)
    assert (ruling.allowed, ruling.why.startswith("told: the ")) == (True, True)
    assert not Terms(CATALOG, {name}).rule_on(CLOSED).allowed


def test_the_settings_licence_of_a_deployment_counts_before_the_catalogs() -> None:
    assert Terms(CATALOG, licences={"ours/own": "MIT"}).rule_on(NOBODYS).allowed
    assert not Terms(CATALOG, licences={"ours/qwen3-32b": "house rules"}).rule_on(HERE).allowed


def test_a_licence_that_forbids_it_is_not_lifted_by_a_word_on_the_host() -> None:
    forbids = Licence("house rules", False, "it says so", "https://example.com/licence", "2026-11-22")
    terms = Terms(replace(CATALOG, licences=(*CATALOG.licences, forbids)), {"vllm"}, {"ours/own": "house rules"})
    ruling = terms.rule_on(NOBODYS)
    assert (ruling.allowed, "house rules (https://example.com/licence, 2026-11-22) forbids it" in ruling.why) == (
        False,
        True,
    )

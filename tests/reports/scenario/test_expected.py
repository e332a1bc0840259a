"""What is expected of candidates: what was, or by another host, or by the prompt's traits."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.policy.rules import Facts, Rule
from entrepot.reports.scenario.block import blocks
from entrepot.reports.scenario.expected import expect
from entrepot.reports.scenario.world import weigh_rules
from tests.exchange.things import a_deployment, a_price
from tests.reports.scenario.office import HOSTS, IDS, Numbered, Office, auto, choices, world

NEWCOMER = a_deployment("new/newcomer", price=a_price("0.1", "0.3"))


def test_costs_are_those_that_the_decision_weighed() -> None:
    office = Office(auto(sessions=False))
    for number in range(5):
        office.ask(str(number), n=1 + number % 2, max_output_tokens=None if number % 3 else 200)
    (block,) = blocks(office.decisions, {"auto": IDS})
    expected = expect(block, office.today, weigh_rules(block, office.today).allowed)
    for row, entry in enumerate(office.entries):
        assert entry.decision is not None
        for one in entry.decision.candidates:
            assert expected.cost_usd[row, block.deployments.index(one.deployment)] == one.cost_usd


def test_a_model_that_was_not_there_is_placed_by_the_prompts_traits() -> None:
    office = Office(auto(sessions=False))
    for number in range(5):
        office.ask(str(number))
    hosts = (*HOSTS, NEWCOMER)
    there = world(choices(hosts, auto().__class__("auto", (*IDS, NEWCOMER.id), reference="openai/sol")))
    (block,) = blocks(office.decisions, {"auto": [*IDS, NEWCOMER.id]})
    expected = expect(block, there, weigh_rules(block, there).allowed)
    traits = np.array([[entry.grounds.traits[0] / 1000, 0, 0] for entry in office.entries])  # type: ignore[union-attr]  # written down
    p_correct, _ = Numbered(("newcomer",)).by_traits(traits)
    column = block.deployments.index(NEWCOMER.id)
    assert expected.p_correct[:, column] == pytest.approx(p_correct[:, 0], abs=1e-6)
    usual = np.exp(np.nanmean(np.log(block.output_tokens), axis=1))
    assert expected.output_tokens[:, column] == pytest.approx(usual, rel=1e-5)
    assert expected.known[:, column].all()


def test_one_host_of_a_model_lends_its_estimate_to_another() -> None:
    office = Office(rules=[Rule("no China", deny=Facts(provider_country=("CN",)))])
    office.ask("7")
    free = world(office.choices)
    (block,) = blocks(office.decisions, {"auto": IDS})
    expected = expect(block, free, weigh_rules(block, free).allowed)
    cheap, elsewhere = (block.deployments.index(id_) for id_ in ("deepseek/flash", "euro/flash"))
    assert np.isnan(block.p_correct[0, cheap])
    assert expected.p_correct[0, cheap] == expected.p_correct[0, elsewhere] == block.p_correct[0, elsewhere]


def test_a_price_that_nobody_knows_is_never_taken_for_cheap() -> None:
    office = Office(hosts=(*HOSTS[:-1], a_deployment("own/oss", price=None)))
    office.ask("7")
    (block,) = blocks(office.decisions, {"auto": IDS})
    expected = expect(block, office.today, weigh_rules(block, office.today).allowed)
    assert expected.cost_usd[0, block.deployments.index("own/oss")] == np.inf

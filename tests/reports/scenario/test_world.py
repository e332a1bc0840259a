"""Whom rules leave is said by the gate itself, request by request as for all at once."""

from __future__ import annotations

import msgspec

from entrepot.policy.eligibility import eligible
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.policy.scope import Scope
from entrepot.reports.scenario.block import Block, blocks
from entrepot.reports.scenario.world import World, weigh_rules
from entrepot.routing.utility import Goal
from tests.reports.scenario.office import CHEAP, HOSTS, IDS, Office, auto, choices, world

NO_CHINA = Rule("no China", When(teams=("legal",)), deny=Facts(provider_country=("CN",)))


def block_of(office: Office) -> Block:
    (block,) = blocks(office.decisions, {"auto": IDS})
    return block


def test_the_verdict_of_each_request_is_the_gates() -> None:
    office = Office(auto(sessions=False), [NO_CHINA])
    for number in range(6):
        office.ask("x " * (1000 * number), team=("sales", "legal")[number % 2])
    block = block_of(office)
    allowed = weigh_rules(block, office.today)
    for row, entry in enumerate(office.entries):
        principal = Principal(entry.key, entry.team)
        assert entry.grounds is not None
        judged = eligible(HOSTS, [NO_CHINA], principal, input_tokens=entry.grounds.input_tokens)
        told = {id_ for number, id_ in enumerate(block.deployments) if allowed.allowed[row, number]}
        assert told == {one.id for one in judged.allowed}
    assert not allowed.allowed.all()


def test_a_further_rule_takes_away_and_gives_nothing_back() -> None:
    office = Office(rules=[NO_CHINA])
    office.ask("7", team="legal")
    barred = weigh_rules(block_of(office), office.today.barring(Rule("no US", deny=Facts(provider_country=("US",)))))
    assert {id_ for id_, may in zip(sorted(IDS), barred.allowed[0], strict=True) if may} == {"euro/flash", "own/oss"}
    reasons = {one.deployment: one.rule for one in barred.verdicts[barred.verdict[0]].rejected}
    assert reasons == {"deepseek/flash": "no China", "zhipu/glm": "no China", "openai/sol": "no US"}


def test_a_key_is_confined_as_it_is_today() -> None:
    office = Office()
    office.ask("7")
    confined = Principal("key-sales", "sales", scope=Scope(models=("sol",)))
    today = msgspec.structs.replace(office.today, principals={"key-sales": confined})
    allowed = weigh_rules(block_of(office), today)
    assert [id_ for id_, may in zip(sorted(IDS), allowed.allowed[0], strict=True) if may] == ["openai/sol"]


def test_what_was_denied_to_a_key_that_nobody_knows_any_more_stays_denied() -> None:
    office = Office(rules=[NO_CHINA])
    office.ask("7", team="legal")
    forgotten = World(choices(HOSTS, auto()), world(office.choices).book, {}, {})
    allowed = weigh_rules(block_of(office), forgotten)
    assert not allowed.allowed[0, sorted(IDS).index(CHEAP.id)]


def test_a_request_keeps_what_it_asked_for_itself() -> None:
    office = Office()
    office.ask("7")
    kind = office.decisions.kinds[0]
    stricter = world(choices(HOSTS, auto(Goal(max_loss=0.01))))
    assert stricter.goal(kind, office.today) == Goal(max_loss=0.01)
    own = msgspec.structs.replace(kind, goal=Goal(max_loss=0.2, each_request=True, max_cost_usd=0.5))
    assert stricter.goal(own, office.today) == own.goal
    assert stricter.goal(msgspec.structs.replace(kind, asked="sol", route=None, goal=None), office.today) is None

"""The loss of every provider, worst first."""

from __future__ import annotations

from entrepot.policy.rules import Facts, Rule, When
from entrepot.reports.scenario.compare import Replay
from entrepot.reports.scenario.exits import rank_exits
from entrepot.routing.utility import Goal
from tests.reports.scenario.office import DEAR, HOSTS, Office, auto


def test_the_provider_without_whom_most_are_left_without_anybody_comes_first() -> None:
    own_alone = Rule("stays in the house", When(teams=("legal",)), deny=Facts(on_premises=False))
    office = Office(auto(Goal(max_loss=0.2), sessions=False), [own_alone])
    for number in range(40):
        office.ask(str(number), team=("sales", "legal")[number % 4 == 0])
    office.ask("7", model=DEAR.id)
    exits = rank_exits(Replay(office.decisions, office.today))
    assert {one.provider for one in exits} == {host.provider for host in HOSTS}
    assert [(one.provider, one.stranded) for one in exits[:2]] == [("own", 10), ("openai", 1)]
    assert all(one.stranded == 0 for one in exits[2:])
    costs = [one.comparison.cost_difference.estimate for one in exits[2:]]
    assert costs == sorted(costs, reverse=True)
    assert sum(one.share for one in exits) == 1.0
    (lost,) = exits[0].comparison.stranded
    assert set(lost.rules) == {"stays in the house", "without own"}


def test_losing_a_provider_that_answers_nothing_costs_nothing() -> None:
    office = Office(auto(Goal(max_loss=0.2), sessions=False))
    for number in range(20):
        office.ask(str(number))
    by_name = {one.provider: one for one in rank_exits(Replay(office.decisions, office.today))}
    assert by_name["euro"].share == 0
    assert by_name["euro"].comparison.changed == 0
    assert by_name["euro"].comparison.cost_difference.estimate == 0

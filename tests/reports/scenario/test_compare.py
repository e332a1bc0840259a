"""Two sets of facts side by side, on traffic small enough to be followed by hand."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from entrepot.catalog.price import repriced
from entrepot.policy.rules import Facts, Rule, When
from entrepot.reports.scenario.compare import Comparison, Replay, Segment
from entrepot.reports.scenario.world import World
from entrepot.routing.utility import Goal
from tests.exchange.things import a_deployment, a_price
from tests.reports.scenario.office import CHEAP, DEAR, FIRST_NS, HOSTS, IDS, Office, auto, choices, world

_NS = 1_000_000_000
NO_DEEPSEEK = Rule("no deepseek", deny=Facts(provider=("deepseek",)))
NO_CHINA = Rule("no China", deny=Facts(maker_country=("CN",)))
RESIDENCY = Rule("residency", When(teams=("legal",)), deny=Facts(provider_country=("US", "LOCAL")))


MIXED = auto(Goal(max_loss=0.2), sessions=False)  # by which three models have their parts


def a_day(count: int = 60, route: object = None, rules: list[Rule] | None = None) -> Office:
    office = Office(route or MIXED, rules or [])  # type: ignore[arg-type]  # a route
    for number in range(count):
        office.ask(str(number), team=("sales", "legal")[number % 2])
    return office


def compared(office: Office, then: World) -> Comparison:
    return Replay(office.decisions, office.today, [then]).compare([Segment(then)])


def test_nothing_changes_where_nothing_is_otherwise() -> None:
    office = a_day()
    comparison = compared(office, office.today)
    assert comparison.changed == 0
    assert comparison.cost_difference == (0.0, 0.0, 0.0)
    assert comparison.quality == (0.0, 0.0, 0.0)
    assert comparison.stranded == ()


def test_a_barred_provider_answers_nothing_and_what_replaces_it_is_what_the_gateway_would_choose() -> None:
    office = a_day()
    comparison = compared(office, office.today.barring(NO_DEEPSEEK))
    assert comparison.today.by_provider["deepseek"] > 0
    assert "deepseek" not in {name for name, count in comparison.scenario.by_provider.items() if count}
    ruled = Office(MIXED, [NO_DEEPSEEK])
    for number in range(60):
        ruled.ask(str(number), team=("sales", "legal")[number % 2])
    answered = [entry.served.model for entry in ruled.entries if entry.served is not None]
    assert {name: count for name, count in comparison.scenario.by_model.items() if count} == {
        model: answered.count(model) for model in set(answered)
    }


def test_half_the_price_costs_half_where_the_same_answer() -> None:
    office = a_day(route=auto(Goal("best_under", max_cost_usd=100.0), sessions=False))
    assert office.today.choices.tariffs
    cheaper = tuple(
        msgspec.structs.replace(one, price=repriced(one.price, Decimal("0.5"))) if one.price is not None else one
        for one in HOSTS
    )
    comparison = compared(office, world(choices(cheaper, auto(Goal("best_under", max_cost_usd=100.0), sessions=False))))
    assert comparison.changed == 0
    assert comparison.today.cost_usd == pytest.approx(comparison.recorded_usd)
    assert comparison.scenario.cost_usd == pytest.approx(comparison.recorded_usd / 2)
    low, high = comparison.cost_difference[1:]
    assert low == high == pytest.approx(-comparison.recorded_usd / 2)  # no length is in doubt: the answers are the same


def test_a_stricter_goal_costs_more_and_loses_less() -> None:
    office = a_day(route=auto(Goal(max_loss=0.2), sessions=False))
    comparison = compared(office, world(choices(HOSTS, auto(Goal(max_loss=0.01), sessions=False))))
    assert comparison.quality is not None
    assert comparison.quality.estimate > 0
    assert comparison.quality.low < comparison.quality.estimate < comparison.quality.high
    assert comparison.cost_difference.estimate > 0
    assert comparison.cost_difference.low < comparison.cost_difference.estimate < comparison.cost_difference.high


def test_who_is_left_without_anybody_is_told_by_route_and_team_with_the_rules_that_cause_it() -> None:
    office = a_day(10, rules=[RESIDENCY])
    office.ask("x", model=CHEAP.id)
    comparison = Replay(office.decisions, office.today).compare([Segment(office.today.barring(NO_CHINA))])
    told = {(one.asked, one.team): one for one in comparison.stranded}
    assert set(told) == {("auto", "legal"), (CHEAP.id, "sales")}
    legal = told["auto", "legal"]
    assert legal.exchanges == 5
    assert set(legal.rules) == {"residency", "no China"}
    assert told[CHEAP.id, "sales"].rules == ("no China",)
    assert told[CHEAP.id, "sales"].used == (CHEAP.id,)
    assert comparison.scenario.nobody == 6
    assert comparison.scenario.exchanges + comparison.scenario.nobody == comparison.decisions == 11


def test_what_is_answered_by_nobody_counts_in_no_difference_of_cost() -> None:
    office = a_day(10, rules=[RESIDENCY])
    comparison = Replay(office.decisions, office.today).compare([Segment(office.today.barring(NO_CHINA))])
    sales = sum(entry.cost_nano_usd or 0 for entry in office.entries if entry.team == "sales") / _NS
    assert comparison.cost_both[0] == pytest.approx(sales)


def test_an_outage_of_an_hour_changes_that_hour_alone() -> None:
    office = Office(MIXED)
    for number in range(90):
        office.now_ns += 110 * _NS
        office.ask(str(number))
    replay = Replay(office.decisions, office.today)
    since = FIRST_NS + 3600 * _NS
    until = since + 3600 * _NS
    out = office.today.barring(NO_DEEPSEEK)
    comparison = replay.compare(
        [Segment(office.today, None, since), Segment(out, since, until), Segment(office.today, until)]
    )
    inside = [
        entry
        for entry in office.entries
        if since <= entry.started_ns < until and entry.decision is not None and entry.decision.chosen == CHEAP.id
    ]
    assert comparison.changed == len(inside) > 0
    assert comparison.scenario.by_provider["deepseek"] == comparison.today.by_provider["deepseek"] - len(inside)


def test_the_busiest_hour_is_the_one_in_which_most_is_asked_of_a_provider() -> None:
    office = Office(auto(sessions=False))
    for pause_s in [600] * 20 + [10] * 30 + [600] * 20:
        office.now_ns += pause_s * _NS
        office.ask("7", model=DEAR.id)
    replay = Replay(office.decisions, office.today)
    since = replay.busiest_ns("openai", 300 * _NS)
    assert since is not None
    assert FIRST_NS + 19 * 610 * _NS <= since <= FIRST_NS + 21 * 610 * _NS
    assert replay.busiest_ns("nobody", 300 * _NS) is None


def test_a_newcomer_takes_its_share_where_it_is_worth_it() -> None:
    office = a_day()
    newcomer = a_deployment("new/newcomer", price=a_price("0.05", "0.1"))
    route = msgspec.structs.replace(MIXED, candidates=(*IDS, newcomer.id))
    comparison = compared(office, world(choices((*HOSTS, newcomer), route)))
    assert comparison.scenario.by_model["newcomer"] > 0
    assert "newcomer" not in comparison.today.by_model
    assert comparison.quality is not None
    assert comparison.cost_difference.low < comparison.cost_difference.high


def test_a_conversation_stays_where_it_would_have_begun() -> None:
    office = Office(auto(Goal(max_loss=0.3)))
    office.ask("7")
    for turn in range(1, 5):
        office.ask(f"go on {turn}", talk=["7", "an answer"] + ["go on 1", "more"] * (turn - 1))
    replay = Replay(office.decisions, office.today)
    first = office.entries[0].decision
    assert first is not None
    provider = first.chosen.partition("/")[0]
    comparison = replay.compare([Segment(office.today.barring(Rule("bar", deny=Facts(provider=(provider,)))))])
    assert comparison.recorded == comparison.decisions
    assert comparison.scenario.by_provider.get(provider, 0) == 0


def test_names_that_nobody_knows_any_more_are_counted_and_left_out() -> None:
    office = a_day(4)
    office.ask("7", model=CHEAP.id)
    hosts = tuple(one for one in HOSTS if one is not CHEAP)
    route = msgspec.structs.replace(MIXED, candidates=tuple(one.id for one in hosts))
    today = world(choices(hosts, route))
    comparison = Replay(office.decisions, today).compare([Segment(today)])
    assert (comparison.decisions, comparison.unnamed) == (4, 1)


def test_nothing_recorded_comes_to_nothing() -> None:
    office = Office()
    comparison = Replay(office.decisions, office.today).compare([Segment(office.today)])
    assert (comparison.decisions, comparison.first_ns, comparison.quality) == (0, None, None)

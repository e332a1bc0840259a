from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import Defect
from entrepot.routing.base import Estimates, Prompt
from entrepot.routing.goals import Option
from entrepot.routing.utility import Decision, Goal, Weighed, decide, first_choice

RATES = ExchangeRates(usd_per_cny=Decimal("0.14"), as_of="2026-10-01", source="a page")


def deployment(id: str, model: str | None = None, max_output_tokens: int | None = None) -> Deployment:
    return Deployment(
        id=id,
        model=model or id,
        maker="m",
        maker_country="CN",
        provider="p",
        provider_country="DE",
        region="EU",
        base_url="http://localhost",
        dialect="openai_chat",
        upstream_name=id,
        max_output_tokens=max_output_tokens,
    )


def tariff(per_mtok: str) -> Tariff:
    price = Price(
        input_per_mtok=Decimal(per_mtok), output_per_mtok=Decimal(per_mtok), source="a page", as_of="2026-10-01"
    )
    return Tariff(price, RATES)


def estimates(p_correct: Mapping[str, float], output_tokens: float = 1000, unknown: Collection[str] = ()) -> Estimates:
    count = len(p_correct)
    return Estimates(
        models=tuple(p_correct),
        p_correct=np.array(list(p_correct.values()), np.float32),
        p_error=np.full(count, 0.05, np.float32),
        output_tokens=np.full(count, output_tokens, np.float32),
        log_error=np.full(count, 0.5, np.float32),
        basis=tuple("prior" if model in unknown else "outcomes" for model in p_correct),
    )


def decision(
    p_correct: Mapping[str, float],
    prices: Mapping[str, str],
    *,
    goal: Goal | None = None,
    reference: str | None = None,
    rejected: Sequence[Weighed] = (),
    among: Sequence[str] | None = None,
    unknown: Collection[str] = (),
) -> Decision:
    return decide(
        candidates=[deployment(id) for id in (among or p_correct)],
        rejected=rejected,
        estimates=estimates(p_correct, unknown=unknown),
        tariffs={id: tariff(price) for id, price in prices.items()},
        goal=goal or Goal(max_loss=0.02),
        reference=reference,
        prompt=Prompt("Why?", 1000),
        router_version="ensemble/test",
    )


MIXED = {"frontier": 0.90, "middling": 0.885, "small": 0.60}
PRICES = {"frontier": "10", "middling": "1", "small": "0.1"}


def test_the_cheapest_candidate_within_the_loss_allowed_is_chosen() -> None:
    found = decision(MIXED, PRICES, reference="frontier")
    assert found.order == ("middling", "frontier", "small")
    assert found.reason == (
        "middling is the least expensive candidate expected to stay within 2 points of frontier, the reference "
        "(P(correct) 0.885 against 0.900, 0.002000 USD against 0.020000)."
    )


def test_no_loss_allowed_means_the_reference_or_better() -> None:
    assert decision(MIXED, PRICES, reference="frontier", goal=Goal(max_loss=0)).chosen == "frontier"
    assert decision(MIXED, PRICES, reference="small", goal=Goal(max_loss=0)).chosen == "small"


def test_expected_cost_is_input_and_expected_output_at_todays_price() -> None:
    found = decision({"a": 0.5}, {"a": "3"})
    assert found.candidates[0].cost_usd == pytest.approx((1000 + 1000) * 3e-6)


def test_a_price_change_changes_the_choice_without_a_new_fit() -> None:
    assert decision(MIXED, {**PRICES, "middling": "20"}, reference="frontier").chosen == "frontier"


def test_the_output_limit_of_a_deployment_bounds_what_it_can_cost() -> None:
    found = decide(
        [deployment("a", max_output_tokens=10)],
        (),
        estimates({"a": 0.5}),
        {"a": tariff("1")},
        Goal(),
        None,
        Prompt("", 0),
        "v",
    )
    assert found.candidates[0].output_tokens == 10
    assert found.candidates[0].cost_usd == pytest.approx(10e-6)


def test_an_unknown_price_is_never_taken_for_cheap() -> None:
    found = decision(MIXED, {"frontier": "10", "small": "0.1"}, reference="frontier")
    assert found.order == ("frontier", "middling", "small")


def test_an_unknown_price_is_used_where_nothing_else_meets_the_goal() -> None:
    found = decision(MIXED, {"small": "0.1"}, reference="frontier")
    assert found.chosen == "frontier"
    assert found.reason.endswith(", though its price is unknown.")


def test_without_a_reference_the_best_eligible_candidate_sets_the_bar() -> None:
    assert decision(MIXED, PRICES).chosen == "middling"


def test_a_reference_that_is_not_eligible_is_named_and_the_best_eligible_sets_the_bar() -> None:
    rejected = (Weighed("frontier", "frontier", rejected="rule 'in the country'"),)
    found = decision(MIXED, PRICES, reference="frontier", rejected=rejected, among=["middling", "small"])
    assert found.chosen == "middling"
    assert "the reference frontier is not eligible" in found.reason
    assert found.candidates[-1].rejected == "rule 'in the country'"


def test_a_reference_of_which_nothing_is_known_does_not_lower_the_bar() -> None:
    p_correct = {"new": 0.5, "frontier": 0.9, "small": 0.6}
    found = decision(p_correct, {"new": "20", "frontier": "10", "small": "0.1"}, reference="new", unknown={"new"})
    assert found.order == ("frontier", "small", "new")
    assert found.reason == (
        "frontier, the best eligible candidate, has no cheaper rival expected to stay within 2 points of it; "
        "nothing is known of how good the reference new is."
    )


def test_where_nothing_is_known_of_any_candidate_the_reference_is_taken() -> None:
    p_correct = {"mine": 0.5, "yours": 0.5}
    prices = {"mine": "0.1", "yours": "1"}
    found = decision(p_correct, prices, reference="yours", unknown=p_correct)
    assert found.order == ("yours", "mine")
    assert found.reason == ("yours, the reference, is taken because nothing is known of how good any candidate is.")
    careless = decision(p_correct, prices, reference="yours", unknown=p_correct, goal=Goal(max_loss=1.0))
    assert careless.order == ("mine", "yours")
    assert careless.reason.startswith("mine is the least expensive candidate")


def test_a_single_candidate_is_named_as_such() -> None:
    assert decision({"only": 0.2}, {"only": "1"}).reason == "only is the only eligible candidate."


def test_best_under_takes_the_best_that_fits_the_limit() -> None:
    goal = Goal(kind="best_under", max_cost_usd=0.0021)
    found = decision(MIXED, PRICES, goal=goal)
    assert found.order == ("middling", "small", "frontier")


def test_best_under_takes_the_cheapest_where_nothing_fits() -> None:
    found = decision(MIXED, PRICES, goal=Goal(kind="best_under", max_cost_usd=0.0000001))
    assert found.order == ("small", "middling", "frontier")
    assert "no candidate is expected to cost at most 1e-07 USD" in found.reason


def test_a_bound_on_cost_holds_for_the_cheapest_within_a_loss_too() -> None:
    goal = Goal(max_loss=0.02, max_cost_usd=0.001)
    found = decision(MIXED, PRICES, reference="frontier", goal=goal)
    assert found.order == ("small", "middling", "frontier")
    assert found.reason == (
        "2 points of frontier cannot be kept under the cost allowed: small has the best expected quality under 0.001 USD "
        "a request (P(correct) 0.600)."
    )


def test_a_bound_on_cost_that_the_choice_meets_only_moves_what_is_over_it_to_the_end() -> None:
    found = decision(
        {**MIXED, "unpriced": 0.95}, PRICES, reference="frontier", goal=Goal(max_loss=0.02, max_cost_usd=0.01)
    )
    assert found.order == ("middling", "small", "frontier", "unpriced")
    assert "is the least expensive candidate" in found.reason


def test_what_a_request_allows_to_be_written_bounds_what_each_of_its_answers_can_cost() -> None:
    found = decide(
        [deployment("a", max_output_tokens=500)],
        (),
        estimates({"a": 0.5}),
        {"a": tariff("1")},
        Goal(),
        None,
        Prompt("", 0),
        "v",
        max_output_tokens=16,
        answers=3,
    )
    assert found.candidates[0].output_tokens == 48
    assert found.candidates[0].cost_usd == pytest.approx(48e-6)


def test_one_model_at_two_hosts_goes_to_the_cheaper_and_fails_over_to_the_other() -> None:
    hosts = [deployment("near", "m"), deployment("far", "m")]
    tariffs = {"near": tariff("2"), "far": tariff("1")}
    found = decide(hosts, (), estimates({"m": 0.7}), tariffs, Goal(), None, Prompt("", 5), "v")
    assert found.order == ("far", "near")


def test_the_choice_is_written_down_with_its_propensity() -> None:
    found = decision(MIXED, PRICES, reference="frontier")
    assert {weighed.deployment: weighed.propensity for weighed in found.candidates} == {
        "middling": 1.0,
        "frontier": 0.0,
        "small": 0.0,
    }
    assert found.router == "ensemble/test"
    assert found.candidates[0].basis == "outcomes"


def test_no_candidate_is_our_own_fault() -> None:
    with pytest.raises(Defect):
        decide([], (), estimates({"a": 0.5}), {}, Goal(), None, Prompt("", 0), "v")


probabilities = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8)
micro_dollars = st.integers(0, 50_000_000)


@st.composite
def pools(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, str]]:
    p_correct = {f"m{i}": p for i, p in enumerate(draw(probabilities))}
    known = [id for id in p_correct if draw(st.booleans())] or ["m0"]
    return p_correct, {id: str(Decimal(draw(micro_dollars)) / 1_000_000) for id in known}


def cost_of_chosen(found: Decision) -> float | None:
    return next(weighed.cost_usd for weighed in found.candidates if weighed.deployment == found.chosen)


@given(pools(), st.floats(0, 0.5), st.floats(0, 0.5), st.booleans())
def test_a_looser_bar_never_raises_the_cost_of_the_chosen(
    pool: tuple[dict[str, float], dict[str, str]], one: float, other: float, referenced: bool
) -> None:
    strict, loose = sorted((one, other))
    reference = "m0" if referenced else None
    before = cost_of_chosen(decision(*pool, goal=Goal(max_loss=strict), reference=reference))
    after = cost_of_chosen(decision(*pool, goal=Goal(max_loss=loose), reference=reference))
    if before is not None:
        assert after is not None
        assert after <= before


@given(pools(), st.sampled_from(["cheapest_within", "best_under"]), st.floats(0, 1))
def test_every_candidate_is_in_the_order_once_and_propensities_sum_to_one(
    pool: tuple[dict[str, float], dict[str, str]], kind: str, knob: float
) -> None:
    goal = Goal(kind="best_under", max_cost_usd=knob) if kind == "best_under" else Goal(max_loss=knob)
    found = decision(*pool, goal=goal)
    assert sorted(found.order) == sorted(pool[0])
    assert sum(weighed.propensity for weighed in found.candidates) == 1


@given(pools(), st.randoms(use_true_random=False), st.floats(0, 0.3))
def test_the_order_in_which_candidates_are_listed_changes_nothing(
    pool: tuple[dict[str, float], dict[str, str]], chance: object, max_loss: float
) -> None:
    p_correct, prices = pool
    listed = list(p_correct)
    chance.shuffle(listed)  # type: ignore[attr-defined] # hypothesis's own Random
    goal = Goal(max_loss=max_loss)
    assert decision(p_correct, prices, goal=goal) == decision(p_correct, prices, goal=goal, among=listed)


@given(pools(), st.floats(0, 0.3))
def test_the_chosen_stays_within_the_loss_of_the_reference(
    pool: tuple[dict[str, float], dict[str, str]], max_loss: float
) -> None:
    found = decision(*pool, goal=Goal(max_loss=max_loss), reference="m0")
    p_correct = {weighed.deployment: weighed.p_correct or 0 for weighed in found.candidates}
    assert p_correct[found.chosen] >= p_correct["m0"] - max_loss - 1e-6


@given(pools(), st.floats(0, 0.5), st.floats(0, 0.1), st.booleans())
def test_a_bound_on_cost_is_kept_wherever_a_candidate_is_under_it(
    pool: tuple[dict[str, float], dict[str, str]], max_loss: float, bound: float, referenced: bool
) -> None:
    goal = Goal(max_loss=max_loss, max_cost_usd=bound)
    found = decision(*pool, goal=goal, reference="m0" if referenced else None)
    costs = {weighed.deployment: weighed.cost_usd for weighed in found.candidates}
    under = {id for id, cost in costs.items() if cost is not None and cost <= bound}
    assert set(found.order[: len(under)]) == under
    assert sorted(found.order) == sorted(pool[0])


@given(
    ps=st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3),
    kind=st.sampled_from(["cheapest_within", "weighted", "best_under"]),
    limit=st.sampled_from([None, 0.001, 0.01]),
)
def test_the_first_of_options_that_were_weighed_before_is_the_one_decided_on(
    ps: list[float], kind: str, limit: float | None
) -> None:
    goal = Goal(kind, max_loss=0.1, max_cost_usd=limit, worth_usd=0.02)  # type: ignore[arg-type]  # one of the kinds above
    decided = decision(dict(zip(MIXED, ps, strict=True)), PRICES, goal=goal, reference="frontier")
    options = [
        Option(
            one.deployment, one.model, one.p_correct or 0.0, one.p_error or 0.0, one.output_tokens or 0.0, one.cost_usd,
            one.basis or "prior",
        )
        for one in decided.candidates
    ]  # fmt: skip
    assert first_choice(options, goal, "frontier", None) == decided.chosen

"""What is written down of a decision's grounds: enough for the gate to say the same again, and no word of the request."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.capabilities import required_capabilities
from entrepot.canonical.request import Tool
from entrepot.exchange.circumstance import Seen, circumstances_of
from entrepot.exchange.grounds import circumstances_again, grounds_of
from entrepot.exchange.planning import Considered
from entrepot.exchange.records import Grounds
from entrepot.exchange.steering import Steering
from entrepot.policy.eligibility import eligible
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Facts, Rule, When
from tests.exchange.planners import ALICE, DEPLOYMENTS, a_planner, a_request, considered

regions = st.lists(st.sampled_from(["CN", "US", "FR"]), max_size=2)
whens = st.builds(
    When,
    tags=st.lists(st.sampled_from(["t0", "t1"]), max_size=1).map(tuple),
    client_regions=regions.map(tuple),
    data_classes=st.lists(st.sampled_from(["personal", "secret"]), max_size=1).map(tuple),
    tools=st.lists(st.sampled_from(["*", "pay", "look"]), max_size=1).map(tuple),
    languages=st.lists(st.sampled_from(["zh", "en"]), max_size=1).map(tuple),
)
rules = st.lists(
    st.builds(Rule, st.just("r"), whens, deny=st.builds(Facts, provider_country=regions.map(tuple))), max_size=4
)


@given(
    rules, st.lists(st.sampled_from(["pay", "look", "other"]), max_size=2), regions, st.sampled_from(["personal", "x"])
)
def test_the_gate_says_the_same_of_what_was_written_down_as_of_the_request(
    in_force: list[Rule], tools: list[str], places: list[str], found: str
) -> None:
    book = Rulebook(in_force)
    request = a_request(tools=tuple(Tool(name) for name in tools))
    seen = Seen(frozenset({found}), {}, None, frozenset(places))
    circumstances = circumstances_of(request, "auto", ALICE, seen, book)
    written = grounds_of(request, required_capabilities(request), 7, None, circumstances, book.named.tools)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=Grounds)
    before = eligible(DEPLOYMENTS, in_force, ALICE, circumstances=circumstances)
    after = eligible(
        DEPLOYMENTS, in_force, ALICE, circumstances=circumstances_again(again, "auto", circumstances.data_classes)
    )
    assert after == before


def test_tools_that_no_rule_names_are_not_written_down() -> None:
    request = a_request(tools=(Tool("reset_password_of_ceo"),))
    book = Rulebook([Rule("r", When(tools=("*",)), deny=Facts(provider=("dear",)))])
    circumstances = circumstances_of(request, "auto", ALICE, Seen(), book)
    written = grounds_of(request, frozenset(), 7, None, circumstances, book.named.tools)
    assert written.tools == ("*",)


def test_a_plan_carries_the_grounds_of_its_decision() -> None:
    found = considered(a_planner(), a_request(n=2, max_output_tokens=50))
    assert found.grounds == Grounds(found.input_tokens, ("multiple_choices",), 2, 50)


def test_an_embedding_carries_what_it_needs() -> None:
    found = a_planner().consider(a_request("cheap/small", operation="embed"), ALICE, Steering(), "1")
    assert isinstance(found, Considered)
    assert found.grounds is not None
    assert found.grounds.needs == ("embeddings",)

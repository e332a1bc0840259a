from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Embedding, Message, Request, Text
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import Asked
from entrepot.dialects.registry import EMBEDDING_CLIENTS
from entrepot.errors import CatalogError, Forbidden
from entrepot.exchange.embedding import choose_embedding, embeds, may_embed
from entrepot.exchange.plan import Plan, Route
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Facts, Principal, Rule
from tests.exchange.planners import a_planner
from tests.exchange.things import a_deployment, a_price

VECTORS = frozenset({"embeddings"})
CHAT = a_deployment("host/chat", capabilities=frozenset({"tools"}))
NEAR = a_deployment("near/bge", capabilities=VECTORS, price=a_price("2", "0"), context_tokens=100)
FAR = a_deployment("far/bge", capabilities=VECTORS, price=a_price("1", "0"), provider_country="CN", context_tokens=100)
OTHER = a_deployment("near/other-embedder", capabilities=VECTORS)
UNSTATED = a_deployment("home/mystery")
CLAUDE = a_deployment("host/claude", dialect="anthropic-messages")
ALL = (CHAT, NEAR, FAR, OTHER, UNSTATED)


def planner(
    routes: Sequence[Route] = (), rules: Sequence[Rule] = (), deployments: Sequence[Deployment] = ALL
) -> Planner:
    return a_planner(deployments, routes, rules)


def a_request(model: str, *texts: str, operation: str = "embed") -> Request:
    messages = tuple(Message("user", (Text(text),)) for text in texts or ("你好",))
    settings = (Embedding(),) * len(messages) if operation == "embed" else ()
    return Request(model, messages, operation="embed" if operation == "embed" else "generate", embeddings=settings)


def order(found: Considered | Refusal) -> tuple[str, ...]:
    assert isinstance(found, Considered)
    return found.decision.order


def refused(found: Considered | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


def test_what_is_known_to_embed_does_nothing_else() -> None:
    assert [embeds(one) for one in (NEAR, CHAT, UNSTATED)] == [True, False, False]
    assert [may_embed(one) for one in (NEAR, CHAT, UNSTATED)] == [True, False, True]
    assert choose_embedding([], Rulebook(())) is None


def test_a_models_hosts_follow_each_other_by_price() -> None:
    found = planner().consider(a_request("bge"), Principal(), Steering(), "1")
    assert order(found) == ("far/bge", "near/bge")
    assert isinstance(found, Considered)
    assert found.baseline is None


def test_a_route_of_one_embedding_model_embeds_with_it() -> None:
    route = Route("auto", ("host/chat", "far/bge", "near/bge", "home/mystery"), reference="host/chat")
    found = planner([route]).consider(a_request("auto"), Principal(), Steering(), "1")
    assert order(found) == ("far/bge", "near/bge")
    answered = planner([route]).consider(a_request("auto", operation="generate"), Principal(), Steering(), "1")
    assert set(order(answered)) == {"host/chat", "home/mystery"}


def test_a_route_of_several_embedding_models_is_refused_even_where_rules_leave_one() -> None:
    route = Route("auto", ("far/bge", "near/other-embedder"))
    rule = Rule("not there", deny=Facts(provider_country=("CN",)))
    for rules in ((), (rule,)):
        refusal = refused(planner([route], rules).consider(a_request("auto"), Principal(), Steering(), "1"))
        assert refusal.error.code == "several_embedding_models"
        assert refusal.error.status == 400
        assert "bge, other-embedder" in refusal.error.public


def test_a_model_of_which_nobody_says_what_it_does_may_be_asked_by_its_name() -> None:
    assert order(planner().consider(a_request("mystery"), Principal(), Steering(), "1")) == ("home/mystery",)
    route = Route("auto", ("home/mystery",), reference="home/mystery")
    refusal = refused(planner([route]).consider(a_request("auto"), Principal(), Steering(), "1"))
    assert "nothing behind 'auto' makes embeddings" in refusal.error.public


def test_a_provider_whose_dialect_does_not_embed_says_so() -> None:
    with pytest.raises(CatalogError, match="speaks 'anthropic-messages'"):
        planner(deployments=(CLAUDE,))  # the planner of these tests knows one dialect
    refusal = refused(planner().consider(a_request("chat"), Principal(), Steering(), "1"))
    assert "it answers, and makes no embeddings" in refusal.error.public


def test_an_embedding_model_does_not_answer() -> None:
    refusal = refused(planner().consider(a_request("bge", operation="generate"), Principal(), Steering(), "1"))
    assert "it makes embeddings, and does not answer" in refusal.error.public


def test_rules_hold_and_the_refusal_names_them() -> None:
    rule = Rule("not there", deny=Facts(provider_country=("CN",)))
    assert order(planner((), (rule,)).consider(a_request("bge"), Principal(), Steering(), "1")) == ("near/bge",)
    refusal = refused(planner((), (rule,)).consider(a_request("far/bge"), Principal(), Steering(), "1"))
    assert isinstance(refusal.error, Forbidden)


def test_each_text_must_fit_but_not_all_of_them_together() -> None:
    assert order(planner().consider(a_request("bge", *["word " * 50] * 20), Principal(), Steering(), "1"))
    refusal = refused(planner().consider(a_request("bge", "word " * 500), Principal(), Steering(), "1"))
    assert "its context is 100 tokens" in refusal.error.public


def test_a_plan_calls_the_embeddings_dialect() -> None:
    client = EMBEDDING_CLIENTS["openai-embeddings"]
    asked = Asked(a_request("bge"), client.name, {})
    plan = planner().plan(asked, client, Principal(), Steering(), id="1", started_ns=0, started_s=0.0)
    assert isinstance(plan, Plan)
    assert {candidate.dialect.name for candidate in plan.candidates} == {"openai-embeddings"}


@given(st.lists(st.sampled_from([one.id for one in ALL]), unique=True), st.sampled_from(["embed", "generate"]))
def test_no_plan_mixes_models_that_embed_and_models_that_answer(ids: list[str], operation: str) -> None:
    route = Route("auto", tuple(ids), reference=None)
    found = planner([route]).consider(a_request("auto", operation=operation), Principal(), Steering(), "1")
    if isinstance(found, Considered):
        chosen = [one for one in ALL if one.id in found.decision.order]
        assert all(embeds(one) == (operation == "embed") for one in chosen)
        assert operation != "embed" or len({one.model for one in chosen}) == 1


def test_a_list_says_what_may_be_asked_of_a_name() -> None:
    listed = {each.name: each for each in planner().names(Principal())}
    assert (listed["bge"].answers, listed["bge"].embeds, listed["bge"].context_tokens) == (False, True, 100)
    assert (listed["chat"].answers, listed["chat"].embeds) == (True, False)
    assert listed["bge"].owner == "maker"

"""A planner over four deployments, and what it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entrepot.canonical.request import Message, Request, Text
from entrepot.catalog.schema import Deployment
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.choices import Choices
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.base import Basis, Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.utility import Goal
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

DIALECT = OpenAIChat()
ALICE = Principal(key="alice", team="red", tags=frozenset({"t0"}))
DEPLOYMENTS = (
    a_deployment("cheap/small", provider_country="CN", price=a_price("0.1", "0.4")),
    a_deployment("dear/large", provider_country="US", price=a_price("5", "25")),
    a_deployment("other/large", provider_country="FR", price=a_price("4", "20")),
    a_deployment("home/通义", provider_country="DE", price=None, on_premises=True),
)
IDS = tuple(deployment.id for deployment in DEPLOYMENTS)
AUTO = Route("auto", IDS, Goal(max_loss=1.0), reference="dear/large", baseline="dear/large")


class Even:
    """Holds every model to be as good as any other."""

    version = "test/even"

    def __init__(self, models: Sequence[str] = ()) -> None:
        self.models = tuple(models)

    def fit(self, outcomes: object) -> Even:
        return self

    def partial_fit(self, outcomes: Outcomes) -> Even:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> Even:
        return Even(models)

    def predict(self, prompt: Prompt) -> Estimates:
        ones = np.ones(len(self.models), np.float32)
        known: Basis = "outcomes"
        return Estimates(self.models, 0.5 * ones, 0.1 * ones, 100 * ones, 0.5 * ones, (known,) * len(self.models))


def a_planner(
    deployments: Sequence[Deployment] = DEPLOYMENTS, routes: Sequence[Route] = (AUTO,), rules: Sequence[Rule] = ()
) -> Planner:
    return Planner(
        Choices(
            deployments=deployments,
            routes=routes,
            rules=rules,
            exchange_rates=an_exchange_rate(),
            dialects={DIALECT.name: DIALECT},
            router=Even(),
            facts={},
        ),
        Deadlines(),
    )


def a_request(model: str = "auto", **more: Any) -> Request:
    return Request(model=model, messages=(Message("user", (Text("你好"),)),), **more)


def considered(planner: Planner, request: Request | None = None, id_: str = "1", **steering: Any) -> Considered:
    found = planner.consider(request or a_request(), ALICE, Steering(**steering), id_)
    assert isinstance(found, Considered)
    return found


def refused(planner: Planner, request: Request, principal: Principal = ALICE) -> Refusal:
    found = planner.consider(request, principal, Steering(), "1")
    assert isinstance(found, Refusal)
    return found

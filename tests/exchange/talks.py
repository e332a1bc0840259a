"""One client in conversation with a planner whose estimates a question's first word names."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from entrepot.canonical.request import Message, Part, Reasoning, Request, Text, ToolCall, ToolResult
from entrepot.canonical.response import Usage
from entrepot.catalog.schema import Deployment
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.board import Board
from entrepot.exchange.choices import Choices
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.records import AttemptRecord, CheckResult
from entrepot.exchange.sessions import remember
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.base import Basis, Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.session import Remembered
from entrepot.routing.utility import Goal, Weighed
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

OPENAI, ANTHROPIC = OpenAIChat(), AnthropicMessages()
CHEAP = a_deployment("cheap/small", price=a_price("0.5", "1", cache_read_per_mtok=Decimal("0.05")))
MIDDLE = a_deployment("mid/middle", price=a_price("1", "5", cache_read_per_mtok=Decimal("0.1")))
DEAR = a_deployment(
    "dear/large", price=a_price("5", "25", cache_read_per_mtok=Decimal("0.5")), dialect="anthropic-messages"
)
THREE = (CHEAP, MIDDLE, DEAR)
ALICE, BOB = Principal(key="alice"), Principal(key="bob")
EASY = {"small": 0.9, "middle": 0.91, "large": 0.92}
HARD = {"small": 0.3, "middle": 0.6, "large": 0.9}
UNKNOWN = {"who": 0.5, "knows": 0.5}
QUALITY = {"easy": EASY, "hard": HARD, "unknown": UNKNOWN}


class Told:
    """Says of each model what the latest question is called: its first word names a row of QUALITY."""

    version = "test/told"

    def __init__(self, models: Sequence[str] = ()) -> None:
        self.models = tuple(models)

    def fit(self, outcomes: object) -> Told:
        return self

    def partial_fit(self, outcomes: Outcomes) -> Told:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> Told:
        return Told(models)

    def predict(self, prompt: Prompt) -> Estimates:
        asked = prompt.text.split()
        row = QUALITY[next((word for word in reversed(asked) if word in QUALITY), "easy")]
        ones = np.ones(len(self.models), np.float32)
        p_correct = np.array([row[model] for model in self.models], np.float32)
        known: Basis = "prior" if row is UNKNOWN else "outcomes"
        return Estimates(self.models, p_correct, 0.05 * ones, 100 * ones, 0.5 * ones, (known,) * len(self.models))


class Shelf:
    """A memory that forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Remembered] = {}

    def find(self, key: bytes) -> Remembered | None:
        return self.kept.get(key)

    def keep(self, key: bytes, remembered: Remembered) -> None:
        self.kept[key] = remembered


class Talk:
    """One client in conversation with a planner; time is set."""

    def __init__(
        self,
        deployments: Sequence[Deployment] = THREE,
        *,
        goal: Goal | None = None,
        rules: Sequence[Rule] = (),
        memory: Shelf | None = None,
        principal: Principal = ALICE,
        **route: Any,
    ) -> None:
        ids = tuple(each.id for each in deployments)
        self.board = Board()
        self.memory = Shelf() if memory is None else memory
        self.principal = principal
        self.now_s = 1_000_000.0
        self.messages: list[Message] = []
        self.header: str | None = None
        self.model = "auto"
        self._numbers = itertools.count()
        self.planner = Planner(
            Choices(
                deployments=deployments,
                routes=[Route("auto", ids, goal or Goal(max_loss=0.05), reference=ids[-1], **route)],
                rules=rules,
                exchange_rates=an_exchange_rate(),
                dialects={OPENAI.name: OPENAI, ANTHROPIC.name: ANTHROPIC},
                router=Told(),
                facts={},
            ),
            Deadlines(),
            self.memory,
            self.board,
        )

    def considered(self, wish: float | None = None, **request: Any) -> Considered:
        asked = Request(self.model, tuple(self.messages), **request)
        found = self.planner.consider(
            asked,
            self.principal,
            Steering(session=self.header, max_loss=wish),
            f"exchange-{next(self._numbers)}",
            self.now_s,
        )
        assert isinstance(found, Considered)
        return found

    def answered(
        self, considered: Considered, by: str | None = None, check: CheckResult | None = None, **usage: Any
    ) -> None:
        """The chosen deployment, or one that failover reached, answers after a second; its answer joins the conversation."""
        self.now_s += 1
        deployment = by or considered.decision.chosen
        spent = Usage(**({"input_tokens": considered.input_tokens, "output_tokens": 100} | usage))
        attempt = AttemptRecord(0, deployment, deployment.split("/")[1], "p", 200, 1000.0, usage=spent, answered=True)
        session = considered.session
        if session is not None:
            tariff = self.planner._choices.tariffs.get(deployment)
            told = considered.decision.session
            cache = self.planner._choices.candidates[deployment].deployment.prefix_cache
            kept = remember(session, attempt, told, tariff, self.now_s, cache, check, completed=True)
            for key in session.keys:
                self.memory.keep(key, kept)

    def turn(self, text: str, *, by: str | None = None, after_s: float = 5.0, **usage: Any) -> Considered:
        """Ask, and hear the answer."""
        self.now_s += after_s
        self.messages.append(Message("user", (Text(text),)))
        return self.again(by=by, after_s=0.0, **usage)

    def again(self, *, by: str | None = None, after_s: float = 5.0, **usage: Any) -> Considered:
        """Ask what is asked already, and hear an answer in place of the one before."""
        self.now_s += after_s
        if self.messages[-1].role == "assistant":
            self.messages.pop()
        found = self.considered()
        self.answered(found, by, **usage)
        self.messages.append(Message("assistant", (Text(f"An answer of {found.decision.chosen}."),)))
        return found

    def calls(self, *reasoning: Part) -> None:
        """The latest answer was a call of a tool."""
        self.messages[-1] = Message("assistant", (*reasoning, ToolCall("c1", "look", "{}")))

    def returns(self, text: str = "42", *, is_error: bool = False, by: str | None = None) -> Considered:
        self.messages.append(Message("tool", (ToolResult("c1", (Text(text),), is_error),)))
        return self.again(by=by)


def told(considered: Considered) -> tuple[str, str | None]:
    session = considered.decision.session
    return considered.decision.chosen, None if session is None else session.verdict


SEAL = Reasoning("", "sealed", True, "anthropic-messages")
LONG = "contract " * 4_000  # about 9,000 tokens


def cost_of(considered: Considered, id_: str) -> float:
    (cost,) = (each.cost_usd for each in considered.decision.candidates if each.deployment == id_)
    assert cost is not None
    return cost


def shown(considered: Considered, id_: str) -> Weighed:
    return next(each for each in considered.decision.candidates if each.deployment == id_)

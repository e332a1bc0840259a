"""An office whose requests are decided as a gateway decides them, and written down as entries; prompts are numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Usage
from entrepot.catalog.schema import Deployment
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.board import Board
from entrepot.exchange.choices import Choices
from entrepot.exchange.entries import served_by
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.exchange.sessions import remember
from entrepot.exchange.steering import Steering
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal, Rule
from entrepot.reports.scenario.columns import Decisions, read_columns
from entrepot.reports.scenario.world import World
from entrepot.routing.base import Basis, Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.rehearsal import Rehearsal
from entrepot.routing.session import Remembered
from entrepot.routing.utility import Goal
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

DIALECT = OpenAIChat()
FIRST_NS = 1_767_225_600_000_000_000  # 2026-01-01
_NS = 1_000_000_000

CHEAP = a_deployment(
    "deepseek/flash", provider_country="CN", maker_country="CN", maker="deepseek",
    price=a_price("0.2", "0.8", cache_read_per_mtok=Decimal("0.02")), context_tokens=4000,
)  # fmt: skip
ELSEWHERE = a_deployment(
    "euro/flash", provider_country="FR", maker_country="CN", maker="deepseek", price=a_price("0.5", "2")
)
MIDDLE = a_deployment(
    "zhipu/glm", provider_country="CN", maker_country="CN", maker="zhipu", price=a_price("0.6", "2.2")
)
DEAR = a_deployment("openai/sol", provider_country="US", maker_country="US", maker="openai", price=a_price("5", "25"))
OWN = a_deployment("own/oss", provider_country="LOCAL", region="LOCAL", on_premises=True, price=a_price("0", "0"))
HOSTS = (CHEAP, ELSEWHERE, MIDDLE, DEAR, OWN)
IDS = tuple(one.id for one in HOSTS)
ABILITY = {"flash": 0.4, "glm": 0.8, "sol": 1.6, "oss": -0.4, "newcomer": 1.4}


class Numbered:
    """A router whose prompts are numbers: difficulty is drawn from the number, P(correct) is ability less difficulty."""

    version = "test/numbered"

    def __init__(self, models: Sequence[str] = ()) -> None:
        self.models = tuple(models)

    def fit(self, outcomes: object) -> Numbered:
        return self

    def partial_fit(self, outcomes: Outcomes) -> Numbered:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> Numbered:
        return Numbered(models)

    def by_traits(self, traits: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ability = np.array([ABILITY[model] for model in self.models])
        p_correct = 1 / (1 + np.exp(traits[:, [0]] - ability))
        return p_correct, np.full_like(p_correct, 0.05)

    def predict(self, prompt: Prompt) -> Estimates:
        drawn = int.from_bytes(hashlib.sha256(prompt.text.encode()).digest()[:4], "big") / 2**32
        difficulty = round(4 * drawn - 2, 3)
        p_correct, p_error = self.by_traits(np.array([[difficulty, 0.0, 0.0]]))
        ones = np.ones(len(self.models), np.float32)
        basis: tuple[Basis, ...] = tuple("prior" if model == "oss" else "outcomes" for model in self.models)
        length = np.float32(100 + 900 * drawn) * ones
        return Estimates(
            self.models,
            p_correct[0].astype(np.float32),
            p_error[0].astype(np.float32),
            length,
            0.5 * ones,
            basis,
            (difficulty, 0.0, 0.0),
        )

    @property
    def rehearsal(self) -> Rehearsal:
        traits = np.linspace(-2, 2, 60)
        p_correct, _ = self.by_traits(np.column_stack([traits, 0 * traits, 0 * traits]))
        lengths = np.repeat(500.0, p_correct.size).reshape(p_correct.shape)
        return Rehearsal(
            self.models, np.full(60, 300.0), p_correct, lengths, np.full_like(p_correct, np.nan), np.zeros(60, bool)
        )


class Shelf:
    """A memory that forgets nothing."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Remembered] = {}

    def find(self, key: bytes) -> Remembered | None:
        return self.kept.get(key)

    def keep(self, key: bytes, remembered: Remembered) -> None:
        self.kept[key] = remembered


def auto(goal: Goal | None = None, **more: Any) -> Route:
    facts: dict[str, Any] = {"reference": DEAR.id, **more}
    return Route("auto", IDS, goal or Goal(max_loss=0.05), **facts)


class Office:
    """Asks one thing after another, ten seconds apart, and keeps the entries."""

    def __init__(
        self, route: Route | None = None, rules: Sequence[Rule] = (), hosts: Sequence[Deployment] = HOSTS
    ) -> None:
        self.choices = choices(hosts, route or auto(), rules)
        self.rules = tuple(rules)
        self.board, self.memory = Board(), Shelf()
        self.planner = Planner(self.choices, Deadlines(), self.memory, self.board)
        self.entries: list[Entry] = []
        self.now_ns = FIRST_NS

    def ask(
        self,
        text: str = "1",
        *,
        model: str = "auto",
        team: str = "sales",
        tags: Sequence[str] = (),
        talk: Sequence[str] = (),
        wrote: int = 200,
        fails: bool = False,
        steering: Steering | None = None,
        **more: Any,
    ) -> Considered | None:
        """The request's decision, None if it was refused. `talk` is what was said before, question and answer in turns.

        `fails`: the first who is asked does not answer, the next does.
        """
        self.now_ns += 10 * _NS
        said = [Message("user" if place % 2 == 0 else "assistant", (Text(line),)) for place, line in enumerate(talk)]
        request = Request(model, (*said, Message("user", (Text(text),))), **more)
        principal = Principal(key=f"key-{team}", team=team, tags=frozenset(tags))
        id_ = f"exchange-{len(self.entries)}"
        found = self.planner.consider(request, principal, steering or Steering(), id_, self.now_ns / _NS)
        if not isinstance(found, Considered):
            return None
        order = found.decision.order
        self._write_down(found, request, order[1] if fails and len(order) > 1 else order[0], wrote, id_)
        return found

    def _write_down(self, found: Considered, request: Request, by: str, wrote: int, id_: str) -> None:
        candidate = self.choices.candidates[by]
        cached = 0 if found.session is None else min(found.session.cached_tokens, found.input_tokens)
        usage = Usage(found.input_tokens - cached, cached, 0, wrote)
        money = None if candidate.tariff is None else candidate.tariff.cost(usage, self.now_ns / _NS)
        cost = None if money is None else money.nano_usd
        attempt = AttemptRecord(
            0, by, candidate.deployment.model, "p", 200, 900.0, usage=usage, cost_nano_usd=cost, answered=True
        )
        self.board.learn(attempt, self.now_ns / _NS)
        if found.session is not None:
            kept = remember(
                found.session, attempt, found.decision.session, candidate.tariff, self.now_ns / _NS, completed=True
            )
            for key in found.session.keys:
                self.memory.keep(key, kept)
        self.entries.append(
            Entry(
                id=id_,
                started_ns=self.now_ns,
                state="completed",
                status=200,
                dialect="openai-chat",
                asked_model=request.model,
                stream=False,
                duration_ms=1000.0,
                added_ms=1.0,
                key=found.principal.key,
                team=found.principal.team,
                tags=tuple(sorted(found.principal.tags)),
                route=None if found.route is None else found.route.name,
                served=served_by(candidate.deployment),
                usage=usage,
                cost_nano_usd=cost,
                attempts=(attempt,),
                decision=found.decision,
                data_classes=tuple(sorted(found.circumstances.data_classes)),
                grounds=found.grounds,
            )
        )

    def rewrite(self, wrote: int) -> None:
        """The latest answer was of so many tokens."""
        entry = self.entries[-1]
        if entry.usage is not None:
            self.entries[-1] = msgspec.structs.replace(
                entry, usage=msgspec.structs.replace(entry.usage, output_tokens=wrote)
            )

    @property
    def decisions(self) -> Decisions:
        return read_columns(msgspec.msgpack.encode(entry) for entry in self.entries)

    @property
    def today(self) -> World:
        return world(self.choices, self.rules)


def choices(hosts: Sequence[Deployment], route: Route, rules: Sequence[Rule] = ()) -> Choices:
    return Choices(
        deployments=hosts,
        routes=[route],
        rules=rules,
        exchange_rates=an_exchange_rate(),
        dialects={DIALECT.name: DIALECT},
        router=Numbered(),
        facts={},
        at_s=FIRST_NS / _NS,
    )


def world(compiled: Choices, rules: Sequence[Rule] = ()) -> World:
    keys = {f"key-{team}": Principal(f"key-{team}", team) for team in ("sales", "legal", "research")}
    return World(compiled, Rulebook(rules), keys, {})

"""Several models asked for one answer, over real sockets, by the vendors' own SDKs, against the providers' own books.

Cheap models agree, differ, fail, hang or write prose; whatever happens, the client gets one answer in its own dialect, and every
call of every provider is in the entry, to the nano-dollar.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines, Route, Strategy
from entrepot.exchange.records import Entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.store import Comparison
from entrepot.routing.utility import Goal
from entrepot.routing.validator import Validator
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.books import Row
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.tasks import Task, generate_tasks
from tests.end_to_end.accounts import RATES, agree, exchange_of, price, usd_of
from tests.end_to_end.client_anthropic import MessagesClient
from tests.end_to_end.client_google import GenerateClient
from tests.end_to_end.client_openai import ChatClient, ResponsesClient
from tests.end_to_end.clients import Ask, Client, User
from tests.end_to_end.world import (
    KEY,
    NEVER_OPENS,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    simulator_in_thread,
    world_of,
)

pytestmark = pytest.mark.end_to_end

SEED, TASKS = 7, 40
SMALL, LITTLE, LARGE = price("0.150001", "0.600007"), price("0.92", "1.350003"), price("2.5", "10.000009")
# Who each stand-in is, by the model that the router takes it for, and how good it really is.
KNOWING, WRONG = 30.0, -30.0


def provider(name: str, dialect: str, *models: StandInModel) -> StandInProvider:
    return StandInProvider(name, models, key=PROVIDER_SECRET, dialect=dialect)


PLAN = Plan(
    providers=(
        provider(
            "anna", "openai-chat", StandInModel("small", SMALL, KNOWING), StandInModel("small-wrong", SMALL, WRONG)
        ),
        provider("bert", "anthropic-messages", StandInModel("little", LITTLE, KNOWING)),
        provider("rosa", "gemini-generate", StandInModel("large", LARGE, KNOWING)),
    ),
    seed=SEED,
    tasks=TASKS,
)
# The route, and how its two cheap candidates behave there.
CASES = {
    "agree": ("small", "little"),
    "differ": ("small-wrong", "little"),
    "fails": ("small~status:500", "little"),
    "breaks": ("small~close-midway", "little"),
    "hangs": ("small", "little~hang"),
    "both-fail": ("small~status:503", "little~status:500"),
}


CHECKS = {
    "passes": Validator(python="'Answer' in answer"),
    "second-passes": Validator(python="answer.endswith('Answer: 120')"),
    "none-passes": Validator(command=("false",)),
    "no-check": Validator(command=("/nowhere/at/all",)),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("agreement")
    with simulator_in_thread(PLAN) as simulator:
        large = deployment(
            simulator, "rosa", "gpt-4o-2024-08-06", LARGE, upstream_name="large", id="rosa/large", maker="openai",
            dialect="gemini-generate",
        )  # fmt: skip
        deployments, routes = [large], []
        for case, (small, little) in CASES.items():
            deployments += [
                deployment(
                    simulator, "anna", "gpt-4o-mini-2024-07-18", SMALL, upstream_name=small, id=f"{case}/small",
                    maker="anna",
                ),
                deployment(
                    simulator, "bert", "llama-3.1-70b", LITTLE, upstream_name=little, id=f"{case}/little", maker="bert",
                    dialect="anthropic-messages",
                ),
            ]  # fmt: skip
            candidates = (f"{case}/small", f"{case}/little", "rosa/large")
            for name, parallel in ((case, 1), (f"{case}-at-once", 2)):
                strategy = Strategy("agreement", parallel=parallel)
                routes.append(
                    Route(name, candidates, Goal(max_loss=0.0), "rosa/large", "rosa/large", 4000, strategy=strategy)
                )
        for name, check in CHECKS.items():
            candidates = ("differ/small", "differ/little", "rosa/large")
            strategy = Strategy("check", check=check)
            # without any loss the choice before the call is the reference, whatever a router thinks of the others
            routes.append(
                Route(name, candidates, Goal(max_loss=0.0), "rosa/large", max_output_tokens=4000, strategy=strategy)
            )
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(directory)),
            deployments=tuple(deployments),
            routes=tuple(routes),
            exchange_rates=RATES,
            keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest()),),
            deadlines=Deadlines(connect_s=2, first_byte_s=1, idle_s=1, total_s=20, keep_alive_s=0.3),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        with world_of(simulator, settings) as installation:
            yield installation


def a_task(language: str) -> Task:
    """One with a number for its answer."""
    return next(t for t in generate_tasks(SEED, TASKS) if t.language == language and t.answer.isdecimal())


ENGLISH, CHINESE = a_task("en"), a_task("zh")
CLIENTS: dict[str, Callable[[str], Client]] = {
    "openai-chat": ChatClient,
    "openai-responses": ResponsesClient,
    "anthropic-messages": MessagesClient,
    "gemini-generate": GenerateClient,
}
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("case", ["agree", "differ", "breaks"])
@SHAPES
def test_a_client_of_every_dialect_gets_the_accepted_answer_as_its_own(
    world: World, dialect: str, case: str, stream: bool
) -> None:
    client = CLIENTS[dialect](world.base_url)
    try:
        for task in (ENGLISH, CHINESE):
            told = client.ask(Ask(model=case, turns=[User(task.prompt)], stream=stream))
            assert told.text.endswith(task.answer)
            assert told.finish == "stop"
    finally:
        client.close()


def booked(world: World, seen: int, calls: int) -> list[Row]:
    """The rows that the providers wrote since there were `seen`, one for each call, in the order of the calls."""
    assert eventually(lambda: world.simulator.under_way == 0 and len(world.simulator.books.rows) == seen + calls)
    return world.simulator.books.rows[seen:]


# Who is called, and whose answer is sent, whether one by one or two at once.
EXPECTED = {
    "agree": (["small", "little"], "small"),
    "differ": (["small", "little", "large"], "large"),
    "fails": (["small", "large"], "large"),
    "breaks": (["small", "large"], "large"),
    "hangs": (["small", "little", "large"], "large"),
    "both-fail": (["small", "large"], "large"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at_once", [False, True], ids=["in-turn", "at-once"])
@SHAPES
def test_every_call_is_in_the_entry_to_the_nano_dollar(world: World, case: str, at_once: bool, stream: bool) -> None:
    route = f"{case}-at-once" if at_once else case
    seen = len(world.simulator.books.rows)
    status, headers, _ = world.chat(route, ENGLISH.prompt, stream=stream)
    assert status == 200
    entry = exchange_of(world, headers["x-entrepot-exchange"])
    called = [attempt.deployment.split("/")[1] for attempt in entry.attempts]
    who, accepted = EXPECTED[case]
    assert called == (who if not at_once else ["small", "little", *(["large"] if accepted == "large" else [])])
    rows = {row.model: row for row in booked(world, seen, len(called))}
    models = {"small": CASES[case][0].split("~")[0], "little": "little", "large": "large"}
    for attempt, name in zip(entry.attempts, called, strict=True):
        agree(attempt, rows[models[name]])
    (answered,) = [attempt.deployment for attempt in entry.attempts if attempt.answered]
    assert answered.endswith(accepted)
    assert entry.served is not None
    assert entry.served.deployment == answered
    if "x-entrepot-deployment" in headers:  # not where a sign of life went before
        assert headers["x-entrepot-deployment"] == answered
    deliberation = entry.deliberation
    assert deliberation is not None
    assert deliberation.accepted == entry.attempts.index(next(a for a in entry.attempts if a.answered))
    if case in ("agree", "differ"):
        assert entry.cost_nano_usd == sum(usd_of(row) for row in rows.values())
        assert deliberation.kind == "number"


def test_a_decision_shows_the_votes_and_a_report_subtracts_what_was_thrown_away(world: World) -> None:
    _, headers, _ = world.chat("differ", ENGLISH.prompt)
    shown = world.decision(headers["x-entrepot-exchange"])
    assert [attempt["vote"]["answer"] for attempt in shown["attempts"]] == [0, 1, 1]
    assert shown["deliberation"]["reason"].startswith("2 of 3 answers agree")
    entry = exchange_of(world, headers["x-entrepot-exchange"])
    assert entry.baseline is not None
    assert entry.baseline.measured  # the reference, which is the baseline, answered
    attempts = {attempt.deployment: attempt.cost_nano_usd or 0 for attempt in entry.attempts}
    assert entry.cost_nano_usd == sum(attempts.values()) > entry.baseline.cost_nano_usd == attempts["rosa/large"]
    (part,) = combine_of(entry)
    assert part.thrown_away_nano_usd == sum(attempts.values()) - attempts["rosa/large"]


def combine_of(entry: Entry) -> list[Comparison]:
    """What savings are counted from, of a ledger with this entry alone."""
    with tempfile.TemporaryDirectory() as folder, closing(open_sqlite(folder)) as store:
        store.insert([entry])
        return [*store.comparisons()]


def test_a_client_of_a_stream_hears_signs_of_life_while_others_are_waited_for(world: World) -> None:
    _, headers, body = world.chat("hangs", ENGLISH.prompt, stream=True)
    assert body.startswith(b": ")
    assert body.endswith(b"data: [DONE]\n\n")
    assert "x-entrepot-deployment" not in headers
    assert ENGLISH.answer.encode() in body


@pytest.mark.parametrize(
    ("route", "who", "result"),
    [
        ("passes", ["small"], "passed"),
        ("second-passes", ["small", "little"], "passed"),
        ("none-passes", ["small", "little", "large"], "failed"),
        ("no-check", ["small", "large"], "inconclusive"),
    ],
)
@SHAPES
def test_an_answer_is_held_to_its_check_in_a_process(
    world: World, route: str, who: list[str], result: str, stream: bool
) -> None:
    assert ENGLISH.answer == "120"
    seen = len(world.simulator.books.rows)
    status, headers, _ = world.chat(route, ENGLISH.prompt, stream=stream)
    assert status == 200
    entry = exchange_of(world, headers["x-entrepot-exchange"])
    assert [attempt.deployment.split("/")[1] for attempt in entry.attempts] == who
    assert entry.cost_nano_usd == sum(usd_of(row) for row in booked(world, seen, len(who)))
    assert entry.deliberation is not None
    assert (entry.deliberation.strategy, entry.deliberation.check) == ("check", result)
    assert entry.attempts[-1].answered  # the one that passed, or else the last resort
    assert headers.get("x-entrepot-check", result) == result

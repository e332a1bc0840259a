"""Every report against the providers' own books: one mixed run with faults, to the token and the nano-dollar.

Failovers, broken streams, prompts read from a cache, agreement, checks, hedges, embeddings, clients that leave, and a holdout, in
one ledger. Each attempt is held to its provider's row; then every report's totals are held to those rows, where a provider told
its tokens, and to the entry where it did not and the entry says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from entrepot.app import running
from entrepot.cli.report import report
from entrepot.exchange.conduct import WITHOUT_RETRIES, Hedge
from entrepot.exchange.plan import Deadlines, Route, Strategy
from entrepot.exchange.records import Entry
from entrepot.ledger.store import DIMENSIONS
from entrepot.routing.utility import Goal
from entrepot.routing.validator import Validator
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.books import Row
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.tasks import generate_tasks
from tests.end_to_end.accounts import LONG, RATES, agree, config_of, exchange_of, leave, price, rows_of, usd_of
from tests.end_to_end.world import (
    KEY,
    NEVER_OPENS,
    OTHER_KEY,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    simulator_in_thread,
)

pytestmark = pytest.mark.end_to_end

SEED, TASKS = 7, 40
SMALL = price("0.150001", "0.600007", cache_read_per_mtok=Decimal("0.012346"))
YUAN = price("1.333333", "4.000007", cache_read_per_mtok=Decimal("0.040001"), currency="CNY")
LARGE = price("2.5", "10.000009", cache_read_per_mtok=Decimal("0.11"))
VECTOR = price("0.020003", "0")
FAULTS = ("status:500", "status:429:seconds=1", "refuse", "error-in-200", "malformed-json", "close-midway", "error-frame",
          "half-chunk", "hang-midway", "no-usage")  # fmt: skip
TASK = next(task for task in generate_tasks(SEED, TASKS) if task.language == "en" and task.answer.isdecimal())


def plan() -> Plan:
    anna = (
        StandInModel("small", SMALL, 30.0),
        StandInModel("small-wrong", SMALL, -30.0),
        StandInModel("slow", SMALL, first_token_ms=2500),
        StandInModel("vectors", VECTOR, dimensions=8),
    )
    bert = (StandInModel("little", YUAN, 30.0, reasoning_tokens=37),)
    rosa = (StandInModel("large", LARGE, 30.0), StandInModel("talker", LARGE, chunk_ms=20))
    parts = (("anna", anna), ("bert", bert), ("rosa", rosa))
    return Plan(
        tuple(StandInProvider(name, models, key=PROVIDER_SECRET) for name, models in parts), seed=SEED, tasks=TASKS
    )


@contextlib.contextmanager
def installation(directory: Path, database: str | None) -> Iterator[World]:
    with simulator_in_thread(plan()) as simulator:
        abroad: dict[str, Any] = {
            "maker_country": "US",
            "provider_country": "US",
            "region": "US",
            "open_weights": False,
        }
        known = {"small": "gpt-4o-mini-2024-07-18", "little": "llama-3.1-70b", "large": "gpt-4o-2024-08-06"}
        deployments = [
            deployment(simulator, "anna", known["small"], SMALL, upstream_name="small", id="anna/small"),
            deployment(simulator, "anna", "wrong", SMALL, upstream_name="small-wrong", id="anna/small-wrong"),
            deployment(simulator, "anna", "slow", SMALL),
            deployment(simulator, "anna", "vectors", VECTOR, capabilities=frozenset({"embeddings"})),
            deployment(simulator, "bert", known["little"], YUAN, upstream_name="little", id="bert/little"),
            deployment(simulator, "rosa", known["large"], LARGE, upstream_name="large", id="rosa/large", **abroad),
            deployment(simulator, "rosa", "talker", LARGE, **abroad),
            *(
                deployment(
                    simulator, "anna", f"small-{fault}", SMALL, upstream_name=f"small~{fault}", id=f"bad/{fault}"
                )
                for fault in FAULTS
            ),
        ]
        cheap, dear = ("anna/small", "bert/little"), "rosa/large"
        votes, held = Strategy("agreement"), Strategy("check", check=Validator(python="'Answer' in answer"))
        routes = [
            Route("auto", (*cheap, dear), Goal(max_loss=1.0), dear, dear, holdout=0.3),
            Route("agree", (*cheap, dear), Goal(max_loss=0.0), dear, dear, 4000, strategy=votes),
            Route(
                "differ",
                ("anna/small-wrong", "bert/little", dear),
                Goal(max_loss=0.0),
                dear,
                dear,
                4000,
                strategy=votes,
            ),
            Route("checked", (*cheap, dear), Goal(max_loss=0.0), dear, dear, 4000, strategy=held),
            Route("quick", ("anna/slow", dear), Goal(max_loss=1.0), hedge=Hedge(after_s=0.2), baseline=dear),
            *(Route(f"after-{fault}", (f"bad/{fault}", dear), Goal(max_loss=1.0), baseline=dear) for fault in FAULTS),
        ]
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(directory), database),
            deployments=tuple(deployments),
            routes=tuple(routes),
            exchange_rates=RATES,
            keys=(
                KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red"),
                KeySettings("bob", hashlib.sha256(OTHER_KEY.encode()).hexdigest(), team="blue"),
            ),
            deadlines=Deadlines(connect_s=4, first_byte_s=4, idle_s=2, total_s=30, keep_alive_s=0.3),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as up:
            yield World(simulator, up, directory, database)


def workload(world: World) -> Iterator[str]:
    """All that there is, one exchange after another; their ids."""

    def ask(model: str, text: str = "How many are there? 有多少？", **more: Any) -> str:
        return world.chat(model, text, **more)[1]["x-entrepot-exchange"]

    for stream in (False, True):
        for key in (KEY, OTHER_KEY):
            for number in range(5):
                yield ask("auto", f"{number} {key}? 多少？", key=key, stream=stream)
            for model in ("anna/small", "bert/little", "rosa/large"):
                yield ask(model, LONG + key, key=key, stream=stream)
                yield ask(model, LONG + key, key=key, stream=stream)  # reads the first from the provider's cache
        for route in ("agree", "differ", "checked"):
            yield ask(route, TASK.prompt, stream=stream)
        for fault in FAULTS:
            yield ask(f"after-{fault}", stream=stream)
            yield ask(f"bad/{fault}", stream=stream)
    yield ask("quick", stream=True)
    for text in ("one", LONG):
        body = json.dumps({"model": "vectors", "input": [text, "two"]}).encode()
        yield world.request("/embeddings", body)[1]["x-entrepot-exchange"]
    yield ask("no such model")
    yield leave(world, "rosa/talker")


class Account:
    """One exchange: what its entry says and what the providers wrote down of it."""

    def __init__(self, entry: Entry, rows: list[Row]) -> None:
        self.entry, self.rows = entry, rows
        for attempt, row in zip(entry.attempts, rows, strict=True):
            agree(attempt, row)
        counted = [one.usage is not None and not one.usage.estimated for one in entry.attempts]
        self.is_exact = all(counted)
        self.nano_usd = sum(usd_of(row) for row in rows) if self.is_exact else entry.cost_nano_usd
        answered = [
            (one, row, known) for one, row, known in zip(entry.attempts, rows, counted, strict=True) if one.answered
        ]
        usage = entry.usage
        self.read = self.wrote = 0
        if answered and answered[0][2]:
            told = answered[0][1].tokens
            self.read = told.input_tokens + told.cache_read_tokens + told.cache_write_tokens
            self.wrote = told.output_tokens + told.reasoning_tokens
        elif usage is not None:
            self.read = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
            self.wrote = usage.output_tokens + usage.reasoning_tokens
        in_vain = [usd_of(row) for one, row in zip(entry.attempts, rows, strict=True) if not one.answered]
        self.in_vain = sum(in_vain) if self.is_exact else None


class Told:
    """Reports as a program reads them."""

    def __init__(self, directory: Path, database: str | None) -> None:
        self._config = config_of(directory, database)

    def __call__(self, *words: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of every table of a report, by the table's name."""
        printed = CliRunner().invoke(report, [*words, "--config", str(self._config), "--json"])
        assert printed.exit_code == 0, printed.output
        return {table["name"]: table["rows"] for table in json.loads(printed.output)["tables"]}


def run(world: World) -> list[Account]:
    """The workload, each exchange settled before the next; and what users say of some of the answers."""
    accounts: list[Account] = []
    seen = 0
    for id in workload(world):
        entry = exchange_of(world, id)
        accounts.append(Account(entry, rows_of(world, seen, entry.attempts, faulty="bad")))
        seen = len(world.simulator.books.rows)
    for number, one in enumerate(judged_of(accounts)):
        body = json.dumps({"exchange": one.entry.id, "score": number % 3 / 2}).encode()
        assert world.request("/feedback", body)[0] == 200

    def ingested() -> bool:
        with world.place.open_reader() as reader:
            told = sum(one.count for one in reader.judged() if one.source == "user")
            return reader.totals().exchanges == len(accounts) and told == len(judged_of(accounts))

    assert eventually(ingested)
    with world.place.open_reader() as reader:
        assert reader.verify().differences == ()
    return accounts


def judged_of(accounts: list[Account]) -> list[Account]:
    return [one for one in accounts if one.entry.key == "alice" and one.entry.route == "auto"]


def known(accounts: list[Account]) -> int:
    """Nano-dollars of those whose cost is known."""
    return sum(one.nano_usd or 0 for one in accounts)


def check_spend_and_share(told: Told, accounts: list[Account]) -> None:
    by = [word for name in DIMENSIONS for word in ("--by", name)]
    spend, share = told("spend", *by), told("share", *by)
    for name in DIMENSIONS:
        rows = [row for row in spend[f"spend_by_{name}"] if row["value"] != "total"]
        assert sum(row["exchanges"] for row in rows) == len(accounts), name
        assert sum(row["cost_nano_usd"] or 0 for row in rows) == known(accounts), name
        assert sum(row["thrown_away_nano_usd"] for row in rows) == in_vain(accounts), name
        rows = share[f"share_by_{name}"]
        assert sum(row["exchanges"] for row in rows) == len(accounts), name
        assert sum(row["cost_nano_usd"] or 0 for row in rows) == known(accounts), name
        assert sum(row["input_tokens"] for row in rows) == sum(one.read for one in accounts), name
        assert sum(row["output_tokens"] for row in rows) == sum(one.wrote for one in accounts), name
    assert next(row for row in spend["forecast"] if row["figure"] == "spent")["value"]["value"] == known(accounts)


def in_vain(accounts: list[Account]) -> int:
    """Nano-dollars for answers that nobody got: by the books where these tell, else by the attempts."""
    found = 0
    for one in accounts:
        lost = [attempt.cost_nano_usd or 0 for attempt in one.entry.attempts if not attempt.answered]
        assert one.in_vain is None or one.in_vain == sum(lost)
        found += sum(lost) if one.entry.cost_nano_usd is not None else 0
    return found


def check_value(told: Told, accounts: list[Account]) -> None:
    for kind in ("model", "deployment"):
        by_name: dict[str, list[Account]] = defaultdict(list)
        for one in accounts:
            if one.entry.served is not None:
                by_name[getattr(one.entry.served, kind)].append(one)
        rows = {row["value"]: row for row in told("value")[f"value_by_{kind}"]}
        assert rows.keys() == by_name.keys()
        for name, row in rows.items():
            priced = [one for one in by_name[name] if one.nano_usd is not None]
            assert row["exchanges"] == len(by_name[name])
            assert row["usd_per_exchange"] == (known(priced) / len(priced) / 1_000_000_000 if priced else None)
            assert row["output_tokens"] == round(sum(one.wrote for one in by_name[name]) / len(by_name[name]))


def check_savings(told: Told, accounts: list[Account]) -> None:
    tables = told("savings")
    figures = {row["figure"]: row["value"]["value"] for row in tables["savings"]}
    priced = [one for one in accounts if one.nano_usd is not None]
    compared = [one for one in priced if one.entry.state == "completed" and one.entry.baseline is not None]
    routes = {one.entry.route for one in accounts if one.entry.baseline is not None}
    unfinished = [
        one for one in priced if one.entry.state != "completed" and one.entry.attempts and one.entry.route in routes
    ]
    assert figures["exchanges_compared"] == len(compared) > 30
    assert figures["cost"] == known(compared) + known(unfinished)
    assert figures["saving"] == figures["baseline_cost"] - figures["cost"]
    parts = {name: value for name, value in figures.items() if name.startswith("part_")}
    assert sum(parts.values()) == figures["saving"]
    assert parts["part_in_vain"] == -in_vain(compared)
    assert parts.get("part_unfinished", 0) == -known(unfinished)
    drawn = {one.entry.lot.unit: one.entry.lot.drawn for one in accounts if one.entry.lot is not None}
    adjusted, plain, estimate = tables["experiment"]
    for row in (adjusted, plain):
        assert (row["drawn"], row["routed"]) == (sum(drawn.values()), len(drawn) - sum(drawn.values()))
    assert estimate["how"] == "estimate"
    # what the baseline answered itself is not estimated: it is what its provider billed
    measured = [one for one in compared if one.entry.baseline is not None and one.entry.baseline.measured]
    assert measured
    for one in measured:
        (paid,) = [usd_of(r) for a, r in zip(one.entry.attempts, one.rows, strict=True) if a.answered]
        assert one.entry.baseline is not None
        assert one.entry.baseline.cost_nano_usd == paid


def check_quality(told: Told, accounts: list[Account]) -> None:
    tables = told("quality")
    for facet in ("route", "language", "difficulty"):
        users = [row for row in tables[f"quality_by_{facet}"] if row["source"] == "user"]
        assert users
    expected = [one for one in accounts if one.entry.expected is not None and one.entry.expected.served is not None]
    assert sum(row["exchanges"] for row in tables["regret"]) == len(expected) > 20
    calibrated = [row for row in tables["calibration"] if row["source"] == "user" and row["tenth"] == "all"]
    told_of = [one for one in judged_of(accounts) if one in expected]
    assert [row["outcomes"] for row in calibrated] == [len(told_of)]


def check_claims_and_time(told: Told, accounts: list[Account]) -> None:
    answered = [one.entry for one in accounts if one.entry.served is not None]
    american = [one for one in answered if one.served is not None and one.served.maker_country == "US"]
    claims = {row["claim"]: row for row in told("claims")["claims"]}
    assert claims["share-us-visits"]["value"] == round(len(american) / len(answered), 4)
    rates = {}
    for country in ("CN", "US"):
        served = [one for one in accounts if one.entry.served and one.entry.served.maker_country == country]
        tokens = sum(one.read + one.wrote for one in served)
        rates[country] = known(served) / tokens
    assert claims["price-ratio-api"]["value"] == round(rates["CN"] / rates["US"], 4)
    added = {row["figure"]: row["value"] for row in told("added-time")["added_time"]}
    assert added["exchanges"]["value"] == len(answered)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_report_agrees_with_the_providers_books(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres").make_database() if kind == "postgres" else None
    with installation(tmp_path, database) as world:
        accounts = run(world)
    entries = [one.entry for one in accounts]
    # the run held what it says
    assert sum(one.is_exact for one in accounts) > 60
    assert {entry.state for entry in entries} == {"completed", "refused", "failed", "client_gone", "broken"}
    assert any(row.tokens.cache_read_tokens for one in accounts for row in one.rows)
    strategies = {entry.deliberation.strategy for entry in entries if entry.deliberation is not None}
    assert strategies == {"agreement", "check"}
    assert any(len(entry.attempts) == 2 and entry.route == "quick" for entry in entries)
    assert any(entry.served is not None and entry.served.model == "vectors" for entry in entries)
    told = Told(tmp_path, database)
    check_spend_and_share(told, accounts)
    check_value(told, accounts)
    check_savings(told, accounts)
    check_quality(told, accounts)
    check_claims_and_time(told, accounts)

"""Fresh outcomes against promises: kept, renewed, withdrawn, and made again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.choices import Choices
from entrepot.exchange.plan import Route
from entrepot.learning.fresh import Sources
from entrepot.learning.promises import Standing, promises_path, read_promises
from entrepot.learning.recalibrate import RENEW_AFTER, Recalibrator, build_recalibrator, losses_of, recalibrate
from entrepot.routing.base import Basis, Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.rehearsal import Rehearsal, digest_of_id
from entrepot.routing.utility import Goal
from entrepot.routing.worth import Expected, Knob
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

BIG, SMALL = "dear/big", "cheap/小"
MORNING_S = 1_763_800_000.0


class Recalling:
    """Takes the big model for a little better than the small one, whatever the prompt, and remembers some prompts."""

    def __init__(self, past: Rehearsal | None, models: Sequence[str] = (), version: str = "test/recalling") -> None:
        self.models = tuple(models)
        self.version = version
        self._past = past

    @property
    def rehearsal(self) -> Rehearsal | None:
        return self._past

    def fit(self, outcomes: Outcomes) -> Recalling:
        return self

    def partial_fit(self, outcomes: Outcomes) -> Recalling:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> Recalling:
        return Recalling(self._past, models, self.version)

    def predict(self, prompt: Prompt) -> Estimates:
        ones = np.ones(len(self.models), np.float32)
        p = np.array([0.9 if model == "big" else 0.895 for model in self.models], np.float32)
        basis: Basis = "outcomes"
        return Estimates(self.models, p, 0.1 * ones, 100 * ones, 0.5 * ones, (basis,) * len(self.models))


def remembered(prompts: int, lost: int) -> Rehearsal:
    """So many prompts, of which the small model fails `lost` that the big one solves."""
    quality = np.ones((prompts, 2))
    quality[:lost, 1] = 0
    return Rehearsal(
        ("big", "小"),
        np.full(prompts, 50.0),
        np.tile([0.9, 0.895], (prompts, 1)),
        np.full((prompts, 2), 100.0),
        quality,
        np.zeros(prompts, bool),
        "票据.jsonl",
        "2026-11-01",
        frozenset({digest_of_id("old-1")}),
    )


class Installation:
    """A route over two deployments, the files of its fresh outcomes, and what keeps its promise."""

    def __init__(
        self, directory: Path, past: Rehearsal | None = None, goal: Goal | None = None, version: str = "test/recalling"
    ) -> None:
        self.directory = directory
        self.written = 0
        self.rows: list[dict[str, object]] = []
        self.prompts: list[dict[str, object]] = []
        router = Recalling(remembered(200, 2) if past is None else past, version=version)
        dialect = OpenAIChat()
        deployments = (
            a_deployment(BIG, price=a_price("5", "25")),
            a_deployment(SMALL, price=a_price("0.1", "0.4")),
        )
        route = Route("auto", (BIG, SMALL), goal or Goal(max_loss=0.05, confidence=0.95), reference=BIG)
        self.choices = Choices(
            deployments=deployments,
            routes=[route],
            rules=(),
            exchange_rates=an_exchange_rate(),
            dialects={dialect.name: dialect},
            router=router,
            facts={},
        )
        sources = Sources((f"{directory}/out*.jsonl",), (f"{directory}/prompts.jsonl",), 300)
        self.keeper: Recalibrator = build_recalibrator(
            self.choices, router, load_catalog(), {}, sources, str(directory / "data")
        )

    def add(self, prompts: int, lost: int, model: str = SMALL) -> None:
        """Fresh outcomes of both, with the small model failing the first `lost`."""
        for number in range(prompts):
            id_ = f"new-{self.written}"
            self.written += 1
            self.prompts.append({"prompt_id": id_, "prompt": f"请问 {id_}", "input_tokens": 50})
            for name, correct in (("big", True), (model, number >= lost)):
                at = f"2026-11-{10 + self.written // 100:02d}T08:00:00Z"
                self.rows.append({"prompt_id": id_, "model": name, "correct": correct, "at": at})
        for name, rows in (("prompts", self.prompts), ("outcomes", self.rows)):
            (self.directory / f"{name}.jsonl").write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))

    def standing(self, now_s: float = MORNING_S) -> Standing:
        self.keeper.run_once(now_s)
        return read_promises(self.directory / "data").routes["auto"]


def promised(standing: Standing) -> str:
    assert standing.knob is not None
    assert standing.knob.promise is not None
    return str(standing.knob.promise)


def test_before_anything_comes_in_the_routers_own_promise_stands(tmp_path: Path) -> None:
    standing = Installation(tmp_path).standing()
    assert "on 200 prompts of 票据.jsonl, 2026-11-01" in promised(standing)
    assert (standing.watched, standing.alarm_at) == (0, None)


def test_fresh_outcomes_are_watched_and_after_enough_of_them_the_promise_is_made_anew(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    own.standing()
    own.add(RENEW_AFTER - 1, 1)
    standing = own.standing()
    assert (standing.watched, len(standing.counted)) == (RENEW_AFTER - 1, 0)
    assert standing.lost == pytest.approx(1 / (RENEW_AFTER - 1))
    own.add(1, 0)
    standing = own.standing()
    assert (standing.watched, len(standing.counted)) == (0, RENEW_AFTER)
    assert "on 300 prompts of 票据.jsonl and fresh outcomes, 2026-11-11" in promised(standing)
    own.add(RENEW_AFTER, 1)
    assert "on 300 prompts of" in promised(own.standing())  # the window holds the newest 300 of 400


def test_a_broken_promise_is_withdrawn_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = Installation(tmp_path)
    own.standing()
    own.add(40, 30)
    with caplog.at_level(logging.ERROR):
        standing = own.standing()
        own.add(5, 5)
        assert own.standing() == standing
    assert standing.alarm_at is not None
    assert "is withdrawn: on 40 fresh prompts until 2025-11-22 75.0 points were lost" in promised(standing)
    assert standing.knob is not None
    assert standing.knob.refused
    assert len(caplog.records) == 1


def test_a_withdrawn_promise_comes_back_only_on_what_came_after_it_was_made(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    own.standing()
    own.add(30, 20)
    assert own.standing().alarm_at is not None
    own.add(200, 0)
    assert own.standing().alarm_at is not None
    own.add(900, 0)
    standing = own.standing()
    assert standing.alarm_at is None
    assert promised(standing).startswith("at most 5 points below dear/big on average")
    assert "票据" not in promised(standing)


def test_without_outcomes_in_the_routers_file_fresh_ones_make_the_first_promise(tmp_path: Path) -> None:
    past = msgspec.structs.replace(remembered(100, 0), quality=np.full((100, 2), np.nan))
    own = Installation(tmp_path, past)
    assert "there are no outcomes of the reference" in promised(own.standing())
    own.add(20, 0, model="小")
    assert "too few to tell" in promised(own.standing())
    own.add(200, 1, model="小")
    assert promised(own.standing()).startswith("at most 5 points")


def test_where_nothing_is_promised_what_comes_in_counts_at_once(tmp_path: Path) -> None:
    own = Installation(tmp_path, goal=Goal(max_loss=0.03))
    first = own.standing().knob
    own.add(200, 150)
    second = own.standing().knob
    assert first is not None
    assert second is not None
    assert first.promise is second.promise is None
    assert first.moved > 0.9
    assert second.moved == 0


def test_what_was_learned_from_is_not_fresh_nor_what_nobody_knows(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    own.standing()
    own.prompts.append({"prompt_id": "old-1", "prompt": "seen before"})
    own.rows += [{"prompt_id": "old-1", "model": name, "correct": name == "big"} for name in ("big", SMALL)]
    own.add(10, 10, model="someone else's")
    assert own.standing().watched == 0


def test_nothing_new_is_nothing_to_do_and_a_file_that_cannot_be_read_leaves_all_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = Installation(tmp_path)
    before = own.standing()
    assert not own.keeper.run_once(MORNING_S + 1)
    (tmp_path / "prompts.jsonl").write_text('{"prompt_id": "1", "prompt": "x"}\n')
    (tmp_path / "outcomes.jsonl").write_text("half a li")
    with caplog.at_level(logging.ERROR):
        assert not own.keeper.run_once(MORNING_S + 2)
        assert not own.keeper.run_once(MORNING_S + 3)
    assert len(caplog.records) == 1
    assert "promises stand as they were" in caplog.text
    assert read_promises(tmp_path / "data").routes["auto"] == before


def test_settings_that_changed_begin_anew(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    own.standing()
    own.add(40, 30)
    assert own.standing().alarm_at is not None
    other = Installation(tmp_path, goal=Goal(max_loss=0.9, confidence=0.95))
    assert other.standing().alarm_at is None


def test_another_router_is_held_to_all_that_came_at_once(tmp_path: Path) -> None:
    Installation(tmp_path).standing()
    other = Installation(tmp_path, version="test/refitted")
    other.add(40, 1)
    standing = other.standing()
    assert "on 240 prompts of 票据.jsonl and fresh outcomes" in promised(standing)
    assert len(standing.counted) == 40


def test_another_router_does_not_bring_back_a_promise_that_was_withdrawn(tmp_path: Path) -> None:
    own = Installation(tmp_path, remembered(3000, 30))
    own.standing()
    own.add(30, 20)
    withdrawn = own.standing()
    assert withdrawn.alarm_at is not None
    other = Installation(tmp_path, remembered(3000, 30), version="test/refitted")
    standing = other.standing()
    assert standing.alarm_at == withdrawn.alarm_at
    assert standing.about != withdrawn.about
    assert standing.knob == withdrawn.knob
    own.add(1100, 0)
    assert other.standing().alarm_at is None


def test_an_outcome_whose_counterpart_is_missing_tells_nothing() -> None:
    quality = np.array([[1.0, 0.0], [np.nan, 0.0], [1.0, np.nan], [0.0, 1.0]])
    cost = np.tile([1.0, 0.1], (4, 1))
    expected = Expected((BIG, SMALL), np.full((4, 2), 0.5), cost, quality, np.zeros(4, bool))
    knob = Knob(1.0, 0.0, 1.0, 1.0, 4, measured=True)
    assert losses_of(expected, knob, BIG).tolist() == [1.0, -1.0]
    assert losses_of(expected, msgspec.structs.replace(knob, among=(SMALL,)), BIG).tolist() == []


async def test_following_goes_on_until_told_to_stop(tmp_path: Path) -> None:
    own = Installation(tmp_path)
    stop = asyncio.Event()
    task = asyncio.create_task(recalibrate(own.keeper, stop, 0.01))
    while not promises_path(tmp_path / "data").is_file():
        await asyncio.sleep(0.01)
    stop.set()
    await task
    assert read_promises(tmp_path / "data").routes.keys() == {"auto"}

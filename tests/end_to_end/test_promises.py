"""From outcomes to a promise that a gateway routes by, and back to the reference when fresh outcomes break it."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.plan import Route
from entrepot.learning.outcomes import Dataset
from entrepot.learning.promises import promises_path
from entrepot.learning.train import save_artifact, train
from entrepot.routing.base import Outcomes, Prompt
from entrepot.routing.checks import made_up_outcomes
from entrepot.routing.utility import Goal
from entrepot.settings.schema import FreshSettings
from tests.end_to_end.world import PLAN, World, eventually, settings_for, simulator_in_thread, world_of

pytestmark = pytest.mark.end_to_end

CHEAP, DEAR = "cheap/small", "dear/large"
_NUMBERS = itertools.count(12)


def write_router(path: Path) -> None:
    """A router from outcomes of the two stand-ins' models; the cheap one is nearly as good."""
    made_up = made_up_outcomes(60)
    kept = made_up.model < 2
    correct = made_up.correct[kept].copy()
    correct[:] = 1.0
    correct[5] = correct[8] = 0.0
    outcomes = Outcomes(
        made_up.prompts,
        ("large", "small"),
        made_up.prompt[kept],
        made_up.model[kept],
        correct,
        made_up.output_tokens[kept],
        made_up.weight[kept],
    )
    ids = tuple(f"old-{number}" for number in range(60))
    dataset = Dataset(outcomes, ids, ("",) * 60, ("",) * 60)
    trained = train(dataset, scores={}, aliases={}, window="2026-11-20", sources=("票据",), fitted_on="2026-11-20")
    save_artifact(trained.artifact, path)


def write_fresh(directory: Path, prompts: int) -> None:
    """Outcomes in which the cheap model fails where the dear one does not, on prompts of the same kind."""
    asked: list[Prompt] = list(made_up_outcomes(prompts, seed=99).prompts)
    told, outcomes = [], []
    for number, prompt in enumerate(asked):
        told.append({"prompt_id": f"new-{number}", "prompt": prompt.text})
        for model, correct in (("large", True), ("small", False)):
            outcomes.append({"prompt_id": f"new-{number}", "model": model, "correct": correct, "output_tokens": 30})
    for name, rows in (("prompts", told), ("outcomes", outcomes)):
        (directory / f"fresh-{name}.jsonl").write_bytes(b"\n".join(msgspec.json.encode(row) for row in rows))


def chosen(entrepot: World) -> tuple[str, str]:
    """Who answers an easy question that nobody asked before, and what is promised of it."""
    question = f"What is {next(_NUMBERS)} plus 7? Answer with the number."
    status, headers, _ = entrepot.chat("promised", question)
    assert status == 200
    assert eventually(lambda: entrepot.request(f"/decisions/{headers['x-entrepot-exchange']}")[0] == 200)
    decision = entrepot.decision(headers["x-entrepot-exchange"])["decision"]
    assert decision["order"][0] == headers["x-entrepot-deployment"]
    return headers["x-entrepot-deployment"], decision["promise"]


def test_a_promise_is_routed_by_until_fresh_outcomes_break_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    router, data = tmp_path / "mine.router", tmp_path / "data"
    write_router(router)
    goal = Goal(max_loss=0.2, confidence=0.95)
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(
            simulator,
            data,
            routes=(Route("promised", (CHEAP, DEAR), goal, reference=DEAR),),
            router=str(router),
            fresh=FreshSettings((f"{tmp_path}/fresh-outcomes*.jsonl",), (f"{tmp_path}/fresh-prompts*.jsonl",)),
        )
        with world_of(simulator, settings) as entrepot:
            told = (
                "at most 20 points below dear/large on average, with 95% confidence, on 60 prompts of 票据, 2026-11-20"
            )
            assert chosen(entrepot) == (CHEAP, told)
            assert eventually(promises_path(data).is_file)
            began_s = time.monotonic()
            write_fresh(tmp_path, 40)
            assert eventually(lambda: chosen(entrepot)[0] == DEAR, within_s=60)
            assert chosen(entrepot)[1].startswith(f"the promise of at most 20 points below {DEAR}")
            assert "is withdrawn: on 40 fresh prompts" in chosen(entrepot)[1]
            print(f"withdrawn within {time.monotonic() - began_s:.1f} s")
        assert capfd.readouterr().err.count("is withdrawn") == 1
        with world_of(simulator, settings) as again:  # a restart does not bring it back
            assert chosen(again)[0] == DEAR
    standing = json.loads(promises_path(data).read_bytes())["routes"]["promised"]
    assert standing["alarm_at"] is not None
    assert "prompt" not in json.dumps(standing["counted"])

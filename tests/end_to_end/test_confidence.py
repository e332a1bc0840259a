"""From prompts to a route that trusts log-probabilities as far as outcomes taught it: collect, train, ask."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from entrepot.assembly import asking
from entrepot.cli.main import main
from entrepot.exchange.plan import Route, Strategy
from entrepot.exchange.records import Entry
from entrepot.learning.asking import Answer
from entrepot.router_in_force import load_router
from entrepot.routing.confidence import DEFAULT_CONFIDENCE
from entrepot.routing.utility import Goal
from entrepot.settings.choose import require_settings
from entrepot.settings.schema import KeySettings, Settings
from entrepot.simulator.plan import AnswerKey, Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from tests.end_to_end.world import CHEAP, DEAR, PROVIDER_SECRET, simulator_in_thread

pytestmark = pytest.mark.end_to_end

COUNT = 70
PROMPTS = [{"id": f"n{n}", "prompt": f"What is {n} plus {n}? 只写数字。", "answer": 2 * n} for n in range(COUNT)]
KEYS = tuple(AnswerKey(str(line["id"]), str(line["prompt"]), str(line["answer"])) for line in PROMPTS)
PLAN = Plan(
    providers=(
        StandInProvider(
            "one",
            (StandInModel("large", DEAR, skill=2.5), StandInModel("small", CHEAP, skill=0.2)),
            key=PROVIDER_SECRET,
        ),
    ),
    keys=KEYS,
)


def write_settings(folder: Path, simulator: Simulator) -> None:
    """Two deployments, of which only the cheap one tells log-probabilities."""
    tables = [
        f'[[deployments]]\nid = "one/{model}"\nprovider = "openai-compatible"\nmodel = "{model}"\nmaker = "{model}"\n'
        f'base_url = "{simulator.base_url("one")}"\nkey = "env:TEST_PROVIDER_KEY"\ncapabilities = [{declared}]\n'
        f"price = {{ input_per_mtok = {price.input_per_mtok}, output_per_mtok = {price.output_per_mtok} }}\n"
        for model, price, declared in (("large", DEAR, '"json"'), ("small", CHEAP, '"logprobs"'))
    ]
    (folder / "entrepot.toml").write_text("\n".join(tables), "utf-8")
    (folder / "mine.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PROMPTS), "utf-8")


def run(*words: str) -> None:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 0, result.output


def ask(settings: Settings, prompt: str) -> Entry:
    """What is written down of one question to the route."""

    async def asked() -> Entry:
        async with asking(settings, KeySettings("me", ""), frozenset()) as asker:
            reply = await asker.ask({"model": "sure", "messages": [{"role": "user", "content": prompt}]})
            assert isinstance(reply, Answer)
            assert reply.mean_logprob is None  # asked for by the route, and kept from a client who did not
            return reply.entry

    return asyncio.run(asked())


def test_log_probabilities_are_recorded_learned_from_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_PROVIDER_KEY", PROVIDER_SECRET)
    with simulator_in_thread(PLAN) as simulator:
        write_settings(tmp_path, simulator)
        run("collect", "--prompts", "mine.jsonl", "--deployments", "one/*", "--yes")
        rows = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text("utf-8").splitlines()]
        told = [row for row in rows if row["model"] == "small"]
        assert len(told) == COUNT
        assert all(row["least_logprob"] <= row["mean_logprob"] <= 0 for row in told)
        assert all(row["mean_logprob"] is None for row in rows if row["model"] == "large")
        # the stand-in's own line is -ln(1 - u), at 0.1 where it is right and at 0.35 where it is not
        means = [[row["mean_logprob"] for row in told if row["correct"] == right] for right in (1.0, 0.0)]
        assert sum(means[0]) / len(means[0]) > sum(means[1]) / len(means[1])

        # seventy answers with log-probabilities are too few to learn from, so they are counted twice as two files' worth
        more = [{**row, "prompt_id": f"again-{row['prompt_id']}"} for row in rows]
        known = [json.loads(line) for line in (tmp_path / "outcomes.prompts.jsonl").read_text("utf-8").splitlines()]
        again = [{**row, "prompt_id": f"again-{row['prompt_id']}"} for row in known]
        (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more), "utf-8")
        (tmp_path / "more.prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in again), "utf-8")
        run("train", "--outcomes", "outcomes.jsonl", "--prompts", "outcomes.prompts.jsonl", "--out", "few.router")
        run(
            *("train", "--outcomes", "outcomes.jsonl", "more.jsonl"),
            *("--prompts", "outcomes.prompts.jsonl", "more.prompts.jsonl", "--out", "mine.router"),
        )
        route = Route(
            "sure",
            ("one/large", "one/small"),
            Goal(max_loss=0.05),
            reference="one/large",
            strategy=Strategy("confidence"),
        )
        plain = msgspec.structs.replace(require_settings(None, {}, tmp_path), routes=(route,))
        few, mine = (
            msgspec.structs.replace(plain, router=str(tmp_path / f"{name}.router")) for name in ("few", "mine")
        )
        assert load_router(few).confidence is None
        line = load_router(mine).confidence
        assert line is not None
        assert line.source == "140 outcomes of outcomes.jsonl, more.jsonl"
        for settings, believed in ((few, DEFAULT_CONFIDENCE), (mine, line)):
            entry = ask(settings, str(PROMPTS[3]["prompt"]))
            assert entry.deliberation is not None
            assert entry.deliberation.believed == (
                "a default says, which was not learned" if believed.source == "" else f"learned from {line.source}"
            )
            vote = entry.attempts[0].vote
            assert vote is not None
            assert vote.p_before is not None
            assert vote.mean_logprob is not None
            assert vote.p_correct == believed.p_correct(vote.p_before, vote.mean_logprob)

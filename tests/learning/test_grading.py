from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.catalog.schema import Deployment
from entrepot.errors import DataError
from entrepot.learning.collect import Collector, Patience, Purse
from entrepot.learning.collection import Collected, Intent, collect, draw_up, price_rows, prompt_rows
from entrepot.learning.grading import check_gradable
from entrepot.learning.journal import Journal, Judged
from tests.exchange.planners import a_planner
from tests.exchange.things import a_deployment, a_price
from tests.learning.asked import CHEAP, DEAR, Provider, Said, a_forecast, an_asker, prompts_in

JUDGE = a_deployment("judge/large", maker="somebody else", price=a_price("1", "4"))
OTHER_JUDGE = a_deployment("judge/small", maker="a third", price=a_price("1", "4"))
CANDIDATES = tuple(msgspec.structs.replace(one, maker=f"maker of {one.id}") for one in (CHEAP, DEAR))
PLANNER = a_planner([*CANDIDATES, JUDGE, OTHER_JUDGE], routes=[])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


async def run(journal: Journal, provider: Provider, intent: Intent, limit: int | None = None) -> Collected:
    asker = an_asker(provider, journal.path.parent, PLANNER)
    forecast = a_forecast()
    agenda = draw_up(intent, journal, asker, forecast, "mine.jsonl")
    collector = Collector(
        asker,
        journal,
        Purse(limit, journal.records),
        concurrency=2,
        patience=Patience(retries=0),
        told=lambda _progress: None,
    )
    return await collect(intent, agenda, journal, collector, forecast, "mine")


def judged_by(prompts: Any, *judges: Deployment) -> Intent:
    return Intent(prompts, CANDIDATES, "judge", judges, CANDIDATES[1])


def correct(found: Collected) -> dict[tuple[str, str], float]:
    return {(row.prompt_id, row.deployment): row.correct for row in found.rows}


def judge_says(verdict: str) -> Any:
    def says(deployment: str, prompt: str, _number: int) -> Said:
        return f"VERDICT: {verdict}" if deployment.startswith("judge/") else f"answer of {deployment}"

    return says


async def test_answers_are_graded_by_their_key_and_told_as_rows(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, {"id": "甲", "prompt": "预付款？", "answer": "72万元", "kind": "documents"})
    provider = Provider(lambda deployment, *_: "答案：720,000元" if deployment == CHEAP.id else "70万元")
    found = await run(journal, provider, Intent(prompts, CANDIDATES, "exact"))
    right, wrong = found.rows
    assert (right.correct, right.answer, right.graded_by, right.benchmark) == (1.0, "720,000元", "exact", "mine")
    assert (wrong.correct, wrong.answer) == (0.0, "70万元")
    assert (right.input_tokens, right.output_tokens, right.cost_usd) == (10, 20, 9e-6)
    assert right.at.endswith("Z")
    assert found.troubles == ()


async def test_checks_grade_and_one_that_cannot_be_made_leaves_the_answer_missing(
    tmp_path: Path, journal: Journal
) -> None:
    lines: list[dict[str, Any]] = [
        {"id": "a", "prompt": "x", "check": {"json_schema": {"required": ["sum"]}}},
        {"id": "b", "prompt": "x", "check": {"python": "none.py"}},
        {"id": "c", "prompt": "x", "answer": '{"sum": 1}'},
    ]
    gone = tmp_path / "none.py"
    gone.write_text("True")
    prompts = prompts_in(tmp_path, *lines)
    gone.unlink()  # it was there when the prompts were read
    found = await run(journal, Provider(lambda *_: '{"sum": 1}'), Intent(prompts, (CHEAP,), "check"))
    assert {(row.prompt_id, row.correct, row.graded_by) for row in found.rows} == {
        ("a", 1.0, "check:json_schema"),
        ("c", 1.0, "exact"),
    }
    assert [(trouble.prompt, trouble.reason.split(":")[0]) for trouble in found.troubles] == [
        ("b", "the check could not be made")
    ]


async def test_a_judge_that_prefers_a_place_prefers_nobody(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "概括。"})
    found = await run(journal, Provider(judge_says("FIRST")), judged_by(prompts, JUDGE))
    assert correct(found) == {("a", CHEAP.id): 0.5, ("a", DEAR.id): 0.5}
    assert {row.graded_by for row in found.rows} == {"judge:judge/large", "judge:reference"}
    judged = [record for record in journal.records if isinstance(record, Judged)]
    assert sorted(record.score or 0.0 for record in judged) == [0.0, 1.0]
    assert found.judging_nano_usd == sum(record.cost_nano_usd or 0 for record in judged) > 0


async def test_a_judge_that_prefers_an_answer_is_heard_in_both_orders(tmp_path: Path, journal: Journal) -> None:
    def says(deployment: str, prompt: str, _number: int) -> Said:
        if not deployment.startswith("judge/"):
            return f"answer of {deployment}"
        better = f"answer of {CHEAP.id}"
        return "VERDICT: FIRST" if prompt.index(better) < prompt.index(f"answer of {DEAR.id}") else "VERDICT: SECOND"

    found = await run(journal, Provider(says), judged_by(prompts_in(tmp_path, {"id": "a", "prompt": "x"}), JUDGE))
    assert correct(found)["a", CHEAP.id] == 1.0


async def test_by_a_key_the_reference_is_judged_like_the_others(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "x", "answer": "72万元"})
    found = await run(journal, Provider(judge_says("PARTLY")), judged_by(prompts, JUDGE))
    assert correct(found) == {("a", CHEAP.id): 0.5, ("a", DEAR.id): 0.5}
    assert {row.graded_by for row in found.rows} == {"judge:judge/large"}


async def test_several_judges_are_averaged(tmp_path: Path, journal: Journal) -> None:
    def says(deployment: str, _prompt: str, _number: int) -> Said:
        return {"judge/large": "VERDICT: RIGHT", "judge/small": "VERDICT: WRONG"}.get(deployment, "x")

    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "x", "rubric": "short"})
    found = await run(journal, Provider(says), judged_by(prompts, JUDGE, OTHER_JUDGE))
    assert {row.correct for row in found.rows} == {0.5}
    assert {row.graded_by for row in found.rows} == {"judge:judge/large+judge/small"}


async def test_without_a_verdict_the_answer_is_missing(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "x", "rubric": "short"})
    found = await run(journal, Provider(judge_says("PERHAPS")), judged_by(prompts, JUDGE))
    assert found.rows == ()
    assert {trouble.reason for trouble in found.troubles} == {"no judge gave a verdict in both orders"}


async def test_judges_are_not_asked_twice(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "x"})
    provider = Provider(judge_says("TIE"))
    first = await run(journal, provider, judged_by(prompts, JUDGE))
    calls = len(provider.asked)
    again = await run(journal, provider, judged_by(prompts, JUDGE))
    assert calls == len(provider.asked) == 4
    assert again.rows == first.rows


async def test_no_judge_hears_the_name_of_a_model(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda deployment, *_: "VERDICT: TIE" if deployment.startswith("judge/") else "same")
    await run(journal, provider, judged_by(prompts_in(tmp_path, {"id": "a", "prompt": "x"}), JUDGE))
    for (deployment, _), body in zip(provider.asked, provider.bodies, strict=True):
        if deployment == JUDGE.id:
            assert not {"cheap", "dear", "small"} & set(str(body["messages"]).replace("/", " ").split())


def test_a_prompt_that_nothing_grades_is_refused_with_its_line(tmp_path: Path) -> None:
    prompts = prompts_in(tmp_path, {"id": "a", "prompt": "x", "answer": 1}, {"id": "b", "prompt": "x"})
    with pytest.raises(DataError, match=r"mine.jsonl, line 2: nothing says which answer is right; add an 'answer'"):
        check_gradable(prompts, "exact", "mine.jsonl")
    check_gradable(prompts, "judge", "mine.jsonl")


async def test_prompts_are_told_as_a_router_sees_them(tmp_path: Path, journal: Journal) -> None:
    lines: list[dict[str, Any]] = [
        {
            "id": "a",
            "messages": [{"role": "system", "content": "简短"}, {"role": "user", "content": "预付款？"}],
            "answer": {"a": 1},
        },
        {"id": "b", "prompt": "x", "kind": "k", "rubric": "y"},
    ]
    intent = Intent(prompts_in(tmp_path, *lines), (CHEAP,), "exact")
    agenda = draw_up(intent, journal, an_asker(Provider(lambda *_: "x"), tmp_path), a_forecast(), "mine.jsonl")
    first, second = prompt_rows(intent, agenda.views, "mine")
    assert first.prompt == "简短\n预付款？"
    assert (first.reference, first.language, first.benchmark) == ('{"a":1}', "zh", "mine")
    assert (second.category, second.reference) == ("k", "")
    assert first.input_tokens > 0


async def test_prices_add_up_to_what_was_billed(tmp_path: Path, journal: Journal) -> None:
    prompts = prompts_in(tmp_path, *({"id": str(n), "prompt": "x" * 50 * n, "answer": 1} for n in range(1, 4)))
    intent = Intent(prompts, CANDIDATES, "exact")
    forecast = a_forecast()
    agenda = draw_up(intent, journal, an_asker(Provider(lambda *_: "1"), tmp_path, PLANNER), forecast, "mine.jsonl")
    found = await run(journal, Provider(lambda *_: "1"), intent)
    rows = {row.model: row for row in price_rows(found.rows, agenda.views, forecast)}
    for deployment in CANDIDATES:
        price = rows[deployment.model]
        mine = [row for row in found.rows if row.deployment == deployment.id]
        told = sum(
            agenda.views[row.prompt_id].input_tokens * float(price.input_usd_per_mtok)
            + row.output_tokens * float(price.output_usd_per_mtok)
            for row in mine
        )
        assert told / 1e6 == pytest.approx(sum(row.cost_usd or 0 for row in mine), rel=1e-5)
        assert price.answers == 3


async def test_a_malformed_request_is_told_with_its_line(tmp_path: Path, journal: Journal) -> None:
    intent = Intent(prompts_in(tmp_path, {"id": "a", "messages": [{"role": "nobody"}]}), (CHEAP,), "judge")
    with pytest.raises(DataError, match=r"mine\.jsonl, line 1: messages"):
        draw_up(intent, journal, an_asker(Provider(lambda *_: "x"), tmp_path), a_forecast(), "mine.jsonl")

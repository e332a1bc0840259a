from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.learning.collect import Collector, Errand, Patience, Progress, Purse
from entrepot.learning.collection import Agenda, Intent, draw_up
from entrepot.learning.journal import Answered, Failed, Journal
from entrepot.policy.rules import Facts, Rule
from tests.exchange.planners import a_planner
from tests.learning.asked import CHEAP, DEAR, Provider, Said, a_forecast, an_asker, entries_in, prompts_in

QUICK = Patience(retries=2, first_wait_s=0.001, longest_wait_s=0.05)
COST = 10 * 100 + 20 * 400  # what an answer of CHEAP costs, in nano-dollars
NUMBERS = [{"id": str(n), "prompt": f"prompt {n}", "answer": n} for n in range(6)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


def an_agenda(folder: Path, journal: Journal, provider: Provider, *deployments: str, count: int = 6) -> Agenda:
    asked = tuple(one for one in (CHEAP, DEAR) if one.id in (deployments or (CHEAP.id,)))
    intent = Intent(prompts_in(folder, *NUMBERS[:count]), asked, "exact")
    return draw_up(intent, journal, an_asker(provider, folder), a_forecast(), "mine.jsonl")


def a_collector(
    provider: Provider,
    journal: Journal,
    *,
    limit: int | None = None,
    concurrency: int = 2,
    patience: Patience = QUICK,
    told: list[Progress] | None = None,
) -> Collector:
    return Collector(
        an_asker(provider, journal.path.parent),
        journal,
        Purse(limit, journal.records),
        concurrency=concurrency,
        patience=patience,
        told=(told if told is not None else []).append,
    )


async def test_each_deployment_is_asked_each_prompt_once(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: "1")
    told: list[Progress] = []
    agenda = an_agenda(tmp_path, journal, provider, CHEAP.id, DEAR.id)
    collector = a_collector(provider, journal, told=told)
    await collector.run(agenda.errands)
    assert sorted(provider.asked) == sorted((d, f"prompt {n}") for d in (CHEAP.id, DEAR.id) for n in range(6))
    assert all(isinstance(record, Answered) for record in journal.records)
    entries = entries_in(tmp_path)
    assert {record.exchange for record in journal.records} == {entry.id for entry in entries}
    assert told[-1] == Progress(12, 12, 0, sum(entry.cost_nano_usd or 0 for entry in entries), 0)
    assert collector.troubles == []


async def test_no_more_than_so_many_are_asked_at_once(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: "1", takes_turns=20)
    agenda = an_agenda(tmp_path, journal, provider)
    await a_collector(provider, journal, concurrency=3).run(agenda.errands)
    assert provider.most_at_once == 3


async def test_what_is_in_the_journal_is_not_asked_again(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: "1")
    await a_collector(provider, journal).run(an_agenda(tmp_path, journal, provider, count=4).errands)
    agenda = an_agenda(tmp_path, journal, provider)
    assert len(agenda.answered) == 4
    assert [errand.prompt for errand in agenda.errands] == ["4", "5"]
    await a_collector(provider, journal).run(agenda.errands)
    assert len(provider.asked) == 6


async def test_a_prompt_that_was_changed_is_asked_again_and_a_key_that_was_not(
    tmp_path: Path, journal: Journal
) -> None:
    provider = Provider(lambda *_: "1")
    await a_collector(provider, journal).run(an_agenda(tmp_path, journal, provider, count=2).errands)
    lines = [{**NUMBERS[0], "prompt": "another"}, {**NUMBERS[1], "answer": "another"}]
    intent = Intent(prompts_in(tmp_path, *lines), (CHEAP,), "exact")
    agenda = draw_up(intent, journal, an_asker(provider, tmp_path), a_forecast(), "mine.jsonl")
    assert [errand.prompt for errand in agenda.errands] == ["0"]


async def test_a_passing_failure_is_tried_again_and_its_cost_is_kept(tmp_path: Path, journal: Journal) -> None:
    def says(_deployment: str, _prompt: str, number: int) -> Said:
        return (503, {}) if number == 0 else "1"

    provider = Provider(says)
    collector = a_collector(provider, journal, concurrency=1)
    await collector.run(an_agenda(tmp_path, journal, provider, count=1).errands)
    assert [type(record) for record in journal.records] == [Failed, Answered]
    assert collector.troubles == []


async def test_the_wait_that_a_provider_asks_for_is_kept_by_all_of_its_calls(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr("entrepot.learning.collect.asyncio.sleep", noted)
    provider = Provider(lambda _d, _p, number: (429, {"retry-after": "1"}) if number == 0 else "1")
    await a_collector(provider, journal, patience=Patience()).run(an_agenda(tmp_path, journal, provider).errands)
    assert slept
    assert max(slept) > 0.5
    assert len(provider.asked) == 7


async def test_a_wait_that_is_too_long_is_no_wait(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: (429, {"retry-after": "3600"}))
    collector = a_collector(provider, journal)
    await collector.run(an_agenda(tmp_path, journal, provider, count=1).errands)
    assert len(provider.asked) == 1
    assert [(trouble.prompt, trouble.deployment) for trouble in collector.troubles] == [("0", CHEAP.id)]


async def test_tries_are_bounded_and_what_stays_without_an_answer_is_told(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda _d, prompt, _n: (500, {}) if prompt == "prompt 1" else "1")
    collector = a_collector(provider, journal)
    await collector.run(an_agenda(tmp_path, journal, provider, count=3).errands)
    assert [trouble.prompt for trouble in collector.troubles] == ["1"]
    assert "SECRET" not in collector.troubles[0].reason
    assert sum(prompt == "prompt 1" for _, prompt in provider.asked) == 3
    assert sum(isinstance(record, Answered) for record in journal.records) == 2


async def test_what_cannot_get_better_is_not_tried_again(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: (400, {}))
    await a_collector(provider, journal).run(an_agenda(tmp_path, journal, provider, count=1).errands)
    assert len(provider.asked) == 1


async def test_a_deployment_that_only_fails_is_given_up(tmp_path: Path, journal: Journal) -> None:
    def says(deployment: str, _prompt: str, _number: int) -> Said:
        return (401, {}) if deployment == CHEAP.id else "1"

    provider = Provider(says)
    collector = a_collector(provider, journal, concurrency=1, patience=Patience(give_up_after=3))
    agenda = an_agenda(tmp_path, journal, provider, CHEAP.id, DEAR.id)
    await collector.run(agenda.errands)
    assert sum(deployment == CHEAP.id for deployment, _ in provider.asked) == 3
    assert sum(deployment == DEAR.id for deployment, _ in provider.asked) == 6
    assert len(collector.troubles) == 6
    assert "failed 3 times in a row" in collector.troubles[-1].reason


async def test_it_stops_before_the_sum_is_spent_and_keeps_what_there_is(tmp_path: Path, journal: Journal) -> None:
    provider = Provider(lambda *_: "1")
    agenda = an_agenda(tmp_path, journal, provider)
    each = agenda.errands[0].estimate_nano_usd
    assert each is not None
    collector = a_collector(provider, journal, limit=2 * max(each, COST), concurrency=1)
    await collector.run(agenda.errands)
    assert collector.out_of_money
    assert 1 <= len(journal.records) < 6
    assert sum(record.cost_nano_usd or 0 for record in journal.records) <= 2 * max(each, COST)
    again = a_collector(provider, journal, limit=2 * max(each, COST), concurrency=1)
    await again.run(an_agenda(tmp_path, journal, provider).errands)
    assert again.out_of_money
    assert sum(record.cost_nano_usd or 0 for record in journal.records) <= 2 * max(each, COST)


async def test_what_is_under_way_is_held_back_from_the_sum(journal: Journal) -> None:
    purse = Purse(100, [])
    assert purse.reserve(60)
    assert not purse.reserve(60)
    purse.release(60)
    purse.spend(30)
    assert purse.reserve(60)
    purse.spend(None)
    assert (purse.spent_nano_usd, purse.unpriced) == (30, 1)


async def test_cancelled_it_leaves_nothing_running_and_writes_the_exchanges_down(
    tmp_path: Path, journal: Journal
) -> None:
    provider = Provider(lambda *_: "1", takes_turns=10**9)
    collector = a_collector(provider, journal)
    task = asyncio.ensure_future(collector.run(an_agenda(tmp_path, journal, provider).errands))
    while len(provider.asked) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry.state for entry in entries_in(tmp_path)] == ["client_gone", "client_gone"]
    assert journal.records == []


async def test_what_the_rules_forbid_is_told_before_the_first_call(tmp_path: Path, journal: Journal) -> None:
    rule = Rule("no providers from CN", deny=Facts(provider_country=("CN",)))
    provider = Provider(lambda *_: "1")
    asker = an_asker(provider, tmp_path, a_planner(rules=[rule]))
    intent = Intent(prompts_in(tmp_path, *NUMBERS[:2]), (CHEAP, DEAR), "exact")
    agenda = draw_up(intent, journal, asker, a_forecast(), "mine.jsonl")
    assert [(one.deployment, one.rule) for one in agenda.forbidden] == [(CHEAP.id, "no providers from CN")] * 2
    assert {errand.deployment for errand in agenda.errands} == {DEAR.id}
    assert provider.asked == []


def test_an_estimate_is_there_before_any_call(tmp_path: Path, journal: Journal) -> None:
    agenda = an_agenda(tmp_path, journal, Provider(lambda *_: "1"), CHEAP.id, DEAR.id)
    costs = {errand.deployment: errand.estimate_nano_usd or 0 for errand in agenda.errands}
    assert costs[DEAR.id] > costs[CHEAP.id] > 100 * 400 - 1  # a hundred tokens are expected at 0.4 dollars a million
    assert agenda.estimate_nano_usd == sum(errand.estimate_nano_usd or 0 for errand in agenda.errands)
    assert isinstance(agenda.errands[0], Errand)

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from entrepot.canonical.request import Text
from entrepot.canonical.response import Choice
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.entries import served_by
from entrepot.exchange.events import Event, UpstreamAnswer, UpstreamFailed
from entrepot.exchange.outcome_plan import Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.server import shadows as module
from entrepot.server.shadows import Due, Result, Shadows
from tests.exchange.planners import a_planner
from tests.exchange.test_shadowing import BY_ID, a_plan

SENT, ASKED = "dear/large", "cheap/small"
SAID = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "small",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "beside"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip


class Call:
    def cancel(self) -> None:
        """It is over already, or never was begun."""

    def pause(self) -> None:
        """There is nothing to read."""

    def resume(self) -> None:
        """There is nothing to read."""


class Provider:
    """Answers each call in one piece, once it may; or fails it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fails = fails
        self.asked: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, command: CallUpstream, sink: Callable[[Event], None]) -> Call:
        self.asked.append(command.deployment.id)
        task = asyncio.create_task(self._answer(command, sink))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Call()

    async def _answer(self, command: CallUpstream, sink: Callable[[Event], None]) -> None:
        await self.may_answer.wait()
        if self.fails:
            sink(UpstreamFailed(command.attempt, "connect", "nobody is there"))
        else:
            headers = ((b"content-type", b"application/json"),)
            sink(UpstreamAnswer(command.attempt, 200, headers, json.dumps(SAID).encode()))


class Told:
    """What was recorded, counted and compared."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.results: Counter[str] = Counter()
        self.pairs: list[tuple[str, str, Choice]] = []

    def count(self, result: Result) -> None:
        self.results[result] += 1

    async def pair(self, due: Due, shadow: Plan, answer: Choice) -> None:
        self.pairs.append((due.plan.id, shadow.id, answer))

    async def until(self, number: int) -> None:
        async with asyncio.timeout(10):
            while self.results.total() < number:
                await asyncio.sleep(0.001)


def due(number: int = 0, compare: str = "checks", **asked: Any) -> Due:
    planner = a_planner()
    plan = a_plan(planner, f"exchange {number}", **asked)
    entry = msgspec.structs.replace(sample_entry(number), id=plan.id, served=served_by(BY_ID[SENT]))
    wanted = Shadowing((ASKED,), 1.0, "judges" if compare == "judges" else "checks")
    return Due(wanted, plan, Choice(0, (Text("sent"),), "stop"), entry)


def shadowing(provider: Provider, told: Told, *, is_busy: bool = False) -> Shadows:
    planner = a_planner()
    return Shadows(lambda: planner, provider, told.entries.append, told.count, is_busy=lambda: is_busy)


async def test_what_is_asked_beside_is_written_down_and_compared() -> None:
    provider, told = Provider(), Told()
    shadows = shadowing(provider, told)
    shadows.take(due(), told.pair)
    await told.until(1)
    assert told.results == {"answered": 1}
    assert provider.asked == [ASKED]
    (entry,) = told.entries
    assert entry.shadow is not None
    assert (entry.state, entry.shadow.of, entry.key) == ("completed", "exchange 0", "shadow")
    ((of, shadow, answer),) = told.pairs
    assert (of, shadow, answer.parts) == ("exchange 0", entry.id, (Text("beside"),))
    await shadows.close()


async def test_one_that_fails_is_written_down_and_compared_with_nothing() -> None:
    provider, told = Provider(fails=True), Told()
    shadowing(provider, told).take(due(), told.pair)
    await told.until(1)
    assert (told.results, told.pairs) == ({"failed": 1}, [])
    assert [one.state for one in told.entries] == ["failed"]
    assert provider.asked == [ASKED], "nobody is asked instead"


async def test_while_there_is_much_to_do_nobody_is_asked_beside() -> None:
    provider, told = Provider(), Told()
    shadowing(provider, told, is_busy=True).take(due(), told.pair)
    await told.until(1)
    assert (told.results, provider.asked, told.entries) == ({"busy": 1}, [], [])


async def test_more_than_can_wait_are_dropped_and_counted() -> None:
    provider, told = Provider(), Told()
    provider.may_answer.clear()
    shadows = shadowing(provider, told)
    for number in range(module.MOST_WAITING + 5):
        shadows.take(due(number), told.pair)
    assert told.results == {"queue_full": 5}
    await asyncio.sleep(0)
    provider.may_answer.set()
    await told.until(module.MOST_WAITING + 5)
    assert told.results == {"queue_full": 5, "answered": module.MOST_WAITING}


async def test_nobody_is_asked_for_what_no_judge_could_read() -> None:
    provider, told = Provider(), Told()
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    seen = due(compare="judges", messages=[{"role": "user", "content": picture}])
    shadowing(provider, told).take(seen, told.pair)
    await told.until(1)
    assert (told.results, provider.asked) == ({"not_comparable": 1}, [])


async def test_at_a_stop_what_is_under_way_is_written_down() -> None:
    provider, told = Provider(), Told()
    provider.may_answer.clear()
    shadows = shadowing(provider, told)
    shadows.take(due(), told.pair)
    async with asyncio.timeout(10):
        while not provider.asked:
            await asyncio.sleep(0.001)
    await shadows.close()
    assert told.results == {"failed": 1}
    assert [one.state for one in told.entries] == ["client_gone"]

from collections.abc import AsyncIterator

import pytest

from entrepot.simulator.plan import FaultMix, Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator, run_simulator
from entrepot.simulator.workload import Ask, Got, run_workload
from tests.simulator.waiting import until

pytestmark = pytest.mark.sockets

MODELS = (StandInModel("m", first_token_ms=5), StandInModel("moody", faults=FaultMix({"refuse": 0.5}, seed=1)))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with run_simulator(Plan((StandInProvider("p", MODELS, key="k"),))) as running:
        yield running


async def send(simulator: Simulator, *asks: Ask, **more: float) -> list[Got]:
    return await run_workload(simulator.base_url("p"), asks, key="k", timeout_s=more.get("timeout_s", 20))


async def test_answers_come_back_in_the_order_of_the_asks_with_their_text_and_usage(simulator: Simulator) -> None:
    asks = [Ask(str(number), "m", f"港口 {number} ends", stream=number % 2 == 0) for number in range(40)]
    seen: list[str] = []
    got = await run_workload(
        simulator.base_url("p"), asks, key="k", concurrency=4, progress=lambda each: seen.append(each.id)
    )
    assert [each.id for each in got] == [ask.id for ask in asks]
    assert sorted(seen) == sorted(ask.id for ask in asks)
    assert all(each.ok and ask.prompt in each.text for ask, each in zip(asks, got, strict=True))
    assert all(each.usage is not None and each.usage["completion_tokens"] > 0 for each in got)
    assert all((each.first_token_ms is not None) == ask.stream for ask, each in zip(asks, got, strict=True))
    assert len({each.headers["x-request-id"] for each in got}) == 40


async def test_no_more_than_so_many_are_under_way_at_once(simulator: Simulator) -> None:
    most = 0

    def watch(_: Got) -> None:
        nonlocal most
        most = max(most, simulator.under_way, len(simulator.connections))

    await run_workload(
        simulator.base_url("p"), [Ask(str(n), "m", "x") for n in range(30)], key="k", concurrency=3, progress=watch
    )
    assert 1 <= most <= 3


@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_answer_is_a_result_and_not_ok(simulator: Simulator, stream: bool) -> None:
    (got,) = await send(simulator, Ask("1", "m~status:429", "x", stream=stream))
    assert (got.status, got.ok) == (429, False)
    assert "rate_limit_exceeded" in got.error


@pytest.mark.parametrize(
    "fault", ["refuse", "reset", "close-midway", "half-chunk", "malformed-json", "html", "short-length"]
)
async def test_a_call_that_breaks_is_a_result_that_says_how(simulator: Simulator, fault: str) -> None:
    got, after = await send(simulator, Ask("1", f"m~{fault}", "x"), Ask("2", "m", "y"))
    assert not got.ok
    assert got.error
    assert after.ok


@pytest.mark.parametrize("fault", ["error-frame", "no-done", "close-midway"])
async def test_a_stream_that_is_not_whole_is_not_ok(simulator: Simulator, fault: str) -> None:
    (got,) = await send(simulator, Ask("1", f"m~{fault}", "x", stream=True))
    assert not got.ok


async def test_a_call_that_hangs_is_given_up(simulator: Simulator) -> None:
    (got,) = await send(simulator, Ask("1", "m~hang", "x"), timeout_s=0.05)
    assert "TimeoutError" in got.error
    await until(lambda: not simulator.under_way)
    assert simulator.books.rows[0].state == "client_gone"


async def test_headers_and_settings_are_sent(simulator: Simulator) -> None:
    (got,) = await send(simulator, Ask("1", "m", "x", headers={"x-simulate": "other-model:z"}, extra={"max_tokens": 2}))
    assert got.text == "This is"


async def test_no_address_is_a_result_too() -> None:
    (got,) = await run_workload("http://127.0.0.1:9/v1", [Ask("1", "m", "x")])
    assert got.status == 0
    assert "refused" in got.error.lower() or "Connect" in got.error


async def test_nothing_to_send_is_nothing_back(simulator: Simulator) -> None:
    assert await send(simulator) == []

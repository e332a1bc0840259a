"""Conversations with a running installation, through official SDKs: who answers the next turn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from anthropic import Anthropic
from openai import OpenAI

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.plan import Route
from entrepot.ledger.session_table import FILE, SLOT_BYTES
from entrepot.routing.utility import Goal
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.world import (
    KEY,
    OTHER_KEY,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    simulator_in_thread,
    world_of,
)

pytestmark = pytest.mark.end_to_end

SMALL, LARGE = "gpt-4o-mini-2024-07-18", "claude-3-5-sonnet-20241022"


def a_price(input_per_mtok: str, output_per_mtok: str, cache_read_per_mtok: str) -> Price:
    return Price(
        input_per_mtok=Decimal(input_per_mtok),
        output_per_mtok=Decimal(output_per_mtok),
        cache_read_per_mtok=Decimal(cache_read_per_mtok),
        source="test",
        as_of="2026-11-01",
    )


CHEAP, DEAR = a_price("0.5", "1", "0.05"), a_price("3", "15", "0.3")
STAND_INS = Plan(
    providers=(
        StandInProvider("cheap", (StandInModel("small", CHEAP),), key=PROVIDER_SECRET),
        StandInProvider(
            "dear",
            (StandInModel("large", DEAR, reasoning_tokens=20, shows_reasoning=True),),
            key=PROVIDER_SECRET,
            dialect="anthropic-messages",
        ),
    )
)
TOOL: Any = {
    "name": "get_weather",
    "description": "The weather in a city. 天气。",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
OPENAI_TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": TOOL["input_schema"]},
}
LONG = "The tenant pays the rent on the first day of each month. 承租人每月一日支付租金。" * 60
BEST = {"x-entrepot-quality": "0"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two gateway processes before a cheap and a dear stand-in, of whose models the shipped router has outcomes."""
    with simulator_in_thread(STAND_INS) as simulator:
        dear: dict[str, Any] = {"id": "dear", "upstream_name": "large", "max_output_tokens": 8192}
        dear |= {"dialect": "anthropic-messages", "auth": "x-api-key"}
        settings = Settings(
            gateway=GatewaySettings(port=0, processes=2, grace_s=5),
            deployments=(
                deployment(simulator, "cheap", SMALL, CHEAP, upstream_name="small", id="cheap"),
                deployment(simulator, "dear", LARGE, DEAR, **dear),
            ),
            ledger=LedgerSettings(str(tmp_path_factory.mktemp("town"))),
            exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
            keys=tuple(
                KeySettings(name, hashlib.sha256(text.encode()).hexdigest())
                for name, text in (("a", KEY), ("b", OTHER_KEY))
            ),
            routes=(Route("auto", ("cheap", "dear"), Goal(max_loss=0.9), reference="dear"),),
        )
        with world_of(simulator, settings) as installation:
            yield installation


class Chat:
    """A conversation through the OpenAI SDK, each turn over a connection of its own, so that any process may get it."""

    def __init__(self, town: World, key: str = KEY) -> None:
        self._town = town
        self._key = key
        self.messages: list[Any] = []
        self.decision: Any = None

    def ask(self, text: str | None = None, **more: Any) -> str:
        """The deployment that answered; the answer joins the conversation."""
        if text is not None:
            self.messages.append({"role": "user", "content": text})
        with OpenAI(base_url=self._town.base_url, api_key=self._key, max_retries=0) as client:
            raw = client.chat.completions.with_raw_response.create(model="auto", messages=self.messages, **more)
        answer: Any = raw.parse()
        self.messages.append(answer.choices[0].message.model_dump(exclude_none=True))
        self.decision = self._town.decision(raw.headers["x-entrepot-exchange"], self._key)
        return str(raw.headers["x-entrepot-deployment"])

    def again(self) -> str:
        """The user wants another answer."""
        self.messages.pop()
        return self.ask()

    @property
    def verdict(self) -> str | None:
        told = self.decision["decision"]["session"]
        return None if told is None else str(told["verdict"])

    def cost(self, id_: str) -> float:
        (weighed,) = (each for each in self.decision["decision"]["candidates"] if each["deployment"] == id_)
        return float(weighed["cost_usd"])


def test_a_chat_of_several_turns_stays(town: World) -> None:
    chat = Chat(town)
    assert [chat.ask(text) for text in ("你好，请介绍一下递归。", "an example please", "谢谢", "and now prove it")] == [
        "cheap"
    ] * 4
    assert chat.verdict == "stayed"


def test_the_cached_prefix_lowers_the_expected_cost_as_the_bill_does(town: World) -> None:
    chat = Chat(town)
    chat.ask(f"{LONG} What is paid when?")
    first = chat.cost("cheap"), chat.decision["usage"]
    chat.ask("And by whom?")
    assert chat.decision["usage"]["cache_read_tokens"] >= 1024
    assert first[1]["cache_read_tokens"] == 0
    assert chat.decision["decision"]["session"]["cached_tokens"] >= 1024
    assert chat.cost("cheap") < 0.6 * first[0]


@pytest.mark.parametrize("headers", [BEST, {}])
def test_a_tool_loop_never_changes(town: World, headers: dict[str, str]) -> None:
    chat = Chat(town)
    began = chat.ask("call the tool get_weather", tools=[OPENAI_TOOL], extra_headers=headers)
    assert began == ("dear" if headers else "cheap")
    for round_ in range(3):
        (call,) = chat.messages[-1]["tool_calls"]
        chat.messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"{round_} °C"})
        # the other goal would choose the other deployment
        assert chat.ask(tools=[OPENAI_TOOL], extra_headers={} if headers else BEST) == began
        assert chat.verdict == "must stay"
        chat.messages[-1] = {"role": "assistant", "content": None, "tool_calls": [{**call, "id": f"call_{round_}"}]}


def test_a_tool_loop_with_sealed_reasoning_goes_back_to_who_can_read_it_though_all_was_forgotten(town: World) -> None:
    asked: Any = {
        "model": "auto",
        "max_tokens": 3000,
        "tools": [TOOL],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    messages: Any = [{"role": "user", "content": "call the tool get_weather. 先想一想。"}]
    with Anthropic(base_url=town.base_url.removesuffix("/v1"), api_key=KEY, max_retries=0) as client:
        first = client.messages.create(messages=messages, extra_headers=BEST, **asked)
        assert [block.type for block in first.content] == ["thinking", "tool_use"]
        call = first.content[1]
        assert call.type == "tool_use"
        result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "12 °C"}
        messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        (town.directory / FILE).write_bytes(b"")
        raw = client.messages.with_raw_response.create(messages=messages, **asked)
    assert raw.headers["x-entrepot-deployment"] == "dear"
    told = town.decision(raw.headers["x-entrepot-exchange"])["decision"]["session"]
    assert told["verdict"] == "must stay"
    assert "anthropic-messages" in told["reason"]


def test_regenerating_twice_escalates(town: World) -> None:
    chat = Chat(town)
    assert chat.ask("请写一首关于春天的诗。") == "cheap"
    assert chat.again() == "cheap"
    assert chat.again() == "dear"
    assert chat.verdict == "escalated"
    assert chat.decision["decision"]["session"]["failures"] == 2
    assert chat.ask("谢谢，再来一首。") == "dear"


def test_answers_that_did_not_validate_escalate(town: World) -> None:
    chat = Chat(town)
    chat.ask("List the parties of the contract as JSON.")
    chat.ask("1 validation error for Parties: field required")
    assert chat.ask("1 validation error for Parties: field required") == "dear"
    assert chat.verdict == "escalated"


def test_another_key_does_not_find_the_session(town: World) -> None:
    mine, theirs = Chat(town), Chat(town, OTHER_KEY)
    mine.ask("call the tool get_weather now", tools=[OPENAI_TOOL], extra_headers=BEST)
    (call,) = mine.messages[-1]["tool_calls"]
    theirs.messages = [*mine.messages, {"role": "tool", "tool_call_id": call["id"], "content": "1"}]
    mine.messages = list(theirs.messages)
    assert theirs.ask(tools=[OPENAI_TOOL]) == "cheap"
    assert theirs.verdict is None
    assert mine.ask(tools=[OPENAI_TOOL]) == "dear"


def test_a_header_names_the_session_whatever_the_client_does_to_its_history(town: World) -> None:
    chat = Chat(town)
    named = {"x-entrepot-session": "session-1"}
    chat.ask("call the tool get_weather here", tools=[OPENAI_TOOL], extra_headers=BEST | named)
    (call,) = chat.messages[-1]["tool_calls"]
    chat.messages[0] = {"role": "user", "content": "Summary: the weather was asked for."}
    chat.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "1"})
    assert chat.ask(tools=[OPENAI_TOOL], extra_headers=named) == "dear"


def test_a_session_outlives_the_processes(town: World) -> None:
    chat = Chat(town)
    chat.ask("call the tool get_weather before the restart", tools=[OPENAI_TOOL], extra_headers=BEST)
    (call,) = chat.messages[-1]["tool_calls"]
    chat.messages.append({"role": "tool", "tool_call_id": call["id"], "content": "1"})
    gateways = town.installation.supervisor._gateways
    before = [child.process.pid for child in gateways]
    for child in gateways:
        child.process.kill()
    assert eventually(lambda: all(child.process.pid not in before for child in gateways))
    assert eventually(lambda: town.request("//livez")[0] == 200)
    assert chat.ask(tools=[OPENAI_TOOL]) == "dear"


def test_the_table_holds_no_text(town: World) -> None:
    secret = "Geheimnis-des-Kunden-geheim"
    Chat(town).ask(secret)
    content = (town.directory / FILE).read_bytes()
    assert secret.encode() not in content
    assert KEY.encode() not in content
    assert len(content) % SLOT_BYTES == 0  # nothing of any other length is in it

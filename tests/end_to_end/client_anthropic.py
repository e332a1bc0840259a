"""Anthropic's SDK: messages."""

from __future__ import annotations

from typing import Any

import anthropic

from tests.end_to_end.clients import Ask, Back, Called, Counted, Results, Told, Turn, User
from tests.end_to_end.world import KEY

_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class MessagesClient:
    """Messages."""

    dialect = "anthropic-messages"
    failures: tuple[type[Exception], ...] = (anthropic.APIError,)

    def __init__(self, base_url: str) -> None:
        self._address: Any = {"base_url": base_url.removesuffix("/v1"), "api_key": KEY, "max_retries": 0}
        self._sync = anthropic.Anthropic(**self._address)

    def close(self) -> None:
        """Give connections back."""
        self._sync.close()

    def ask(self, ask: Ask) -> Told:
        """Ask and wait."""
        if not ask.stream:
            return _told(self._sync.messages.create(**_request(ask)))
        with self._sync.messages.stream(**_request(ask)) as stream:
            return _told(stream.get_final_message())

    async def ask_async(self, ask: Ask) -> Told:
        """The same, asynchronously."""
        async with anthropic.AsyncAnthropic(**self._address) as client:
            if not ask.stream:
                return _told(await client.messages.create(**_request(ask)))
            async with client.messages.stream(**_request(ask)) as stream:
                return _told(await stream.get_final_message())


def _request(ask: Ask) -> Any:
    request: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": ask.limit,
        "messages": [_message(turn) for turn in ask.turns],
    }
    if ask.system is not None:
        request["system"] = ask.system
    if ask.tools:
        request["tools"] = [{"name": tool.name, "input_schema": tool.parameters} for tool in ask.tools]
    if ask.tool_choice is not None:
        request["tool_choice"] = {"type": "tool", "name": ask.tool_choice}
    if ask.schema is not None:
        request["output_config"] = {"format": {"type": "json_schema", "schema": anthropic.transform_schema(ask.schema)}}
    if ask.stop:
        request["stop_sequences"] = list(ask.stop)
    if ask.thinks:
        request["thinking"] = {"type": "enabled", "budget_tokens": 2048}
    return request


def _message(turn: Turn) -> dict[str, Any]:
    match turn:
        case Back(items):
            return {"role": "assistant", "content": items}
        case Results(said, image):
            results: list[dict[str, Any]] = [
                {"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in said
            ]
            if image is not None:
                source = {"type": "base64", "media_type": "image/png", "data": image}
                text = {"type": "text", "text": results[-1]["content"]}
                results[-1]["content"] = [text, {"type": "image", "source": source}]
            return {"role": "user", "content": results}
        case User(text, image, marked):
            blocks: list[dict[str, Any]] = [{"type": "text", "text": text}]
            if marked:
                blocks[0]["cache_control"] = {"type": "ephemeral"}
            if image is not None:
                source = {"type": "base64", "media_type": "image/png", "data": image}
                blocks.insert(0, {"type": "image", "source": source})
            return {"role": "user", "content": blocks}


def _told(answer: anthropic.types.Message) -> Told:
    usage = answer.usage
    cached, stored = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Told(
        text="".join(block.text for block in answer.content if block.type == "text"),
        reasoning="".join(block.thinking for block in answer.content if block.type == "thinking"),
        calls=tuple(Called(block.id, block.name, block.input) for block in answer.content if block.type == "tool_use"),
        finish=_FINISH.get(answer.stop_reason or "", answer.stop_reason or ""),
        counted=Counted(usage.input_tokens + cached + stored, cached, usage.output_tokens),
        back=Back(answer.content),
    )

"""OpenAI's SDK: chat completions, and responses."""

from __future__ import annotations

import json
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.end_to_end.clients import Ask, Back, BrokenOff, Called, Counted, OpenAIBase, Results, Told, Turn, User


class ChatClient(OpenAIBase):
    """Chat completions."""

    dialect = "openai-chat"

    def ask(self, ask: Ask) -> Told:
        """Ask and wait."""
        answer = self._sync.chat.completions.create(**_chat_request(ask))
        if not ask.stream:
            return _chat_told(answer)
        state: Any = ChatCompletionStreamState()
        for chunk in answer:
            state.handle_chunk(chunk)
        return _chat_told(state.current_completion_snapshot)

    async def ask_async(self, ask: Ask) -> Told:
        """The same, asynchronously."""
        async with self._async() as client:
            answer: Any = await client.chat.completions.create(**_chat_request(ask))
            if not ask.stream:
                return _chat_told(answer)
            state: Any = ChatCompletionStreamState()
            async for chunk in answer:
                state.handle_chunk(chunk)
            return _chat_told(state.current_completion_snapshot)


def _chat_request(ask: Ask) -> Any:
    messages = [{"role": "system", "content": ask.system}] if ask.system else []
    request: dict[str, Any] = {
        "model": ask.model,
        "messages": [*messages, *(message for turn in ask.turns for message in _chat_messages(turn))],
        "max_completion_tokens": ask.limit,
    }
    if ask.stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    if ask.tools:
        request["tools"] = [
            {"type": "function", "function": {"name": tool.name, "parameters": tool.parameters}} for tool in ask.tools
        ]
    if ask.tool_choice is not None:
        request["tool_choice"] = {"type": "function", "function": {"name": ask.tool_choice}}
    if ask.schema is not None:
        named = {"name": "place", "schema": ask.schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": named}
    if ask.stop:
        request["stop"] = list(ask.stop)
    if ask.thinks:
        request["reasoning_effort"] = "medium"
    return request


def _chat_messages(turn: Turn) -> list[dict[str, Any]]:
    match turn:
        case Back(items):
            return [items]
        case Results(said, _):
            return [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in said]
        case User(text, image, marked):
            parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
            if marked:
                parts[0]["cache_control"] = {"type": "ephemeral"}
            if image is not None:
                parts.insert(0, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}})
            return [{"role": "user", "content": parts if image or marked else text}]


def _chat_told(answer: Any) -> Told:
    (choice,) = answer.choices
    message, usage = choice.message, answer.usage
    kept = message.model_dump(exclude_none=True, exclude={"parsed"})
    for call in kept.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return Told(
        text=message.content or message.refusal or "",
        reasoning=getattr(message, "reasoning_content", None) or "",
        calls=tuple(
            Called(call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
        ),
        finish="refusal" if message.refusal or choice.finish_reason == "content_filter" else choice.finish_reason,
        counted=Counted(usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens or 0, usage.completion_tokens),
        back=Back(kept),
    )


class ResponsesClient(OpenAIBase):
    """Responses, of which the client keeps the items itself."""

    dialect = "openai-responses"

    def ask(self, ask: Ask) -> Told:
        """Ask and wait."""
        if not ask.stream:
            return _response_told(self._sync.responses.create(**_response_request(ask)))
        # `get_final_response` knows of no response that is incomplete.
        with self._sync.responses.stream(**_response_request(ask)) as stream:
            *_, last = stream
            return _response_told(_last_response(last))

    async def ask_async(self, ask: Ask) -> Told:
        """The same, asynchronously."""
        async with self._async() as client:
            if not ask.stream:
                return _response_told(await client.responses.create(**_response_request(ask)))
            async with client.responses.stream(**_response_request(ask)) as stream:
                events = [event async for event in stream]
                return _response_told(_last_response(events[-1]))


def _response_request(ask: Ask) -> Any:
    assert not ask.stop, "responses know no stop texts"
    request: dict[str, Any] = {
        "model": ask.model,
        "input": [item for turn in ask.turns for item in _response_items(turn)],
        "max_output_tokens": ask.limit,
        "store": False,
    }
    if ask.system is not None:
        request["instructions"] = ask.system
    if ask.tools:
        request["tools"] = [
            {"type": "function", "name": tool.name, "parameters": tool.parameters, "strict": False}
            for tool in ask.tools
        ]
    if ask.tool_choice is not None:
        request["tool_choice"] = {"type": "function", "name": ask.tool_choice}
    if ask.schema is not None:
        form = {"type": "json_schema", "name": "place", "schema": ask.schema, "strict": True}
        request["text"] = {"format": form}
    if ask.thinks:
        request["reasoning"] = {"effort": "medium", "summary": "auto"}
        request["include"] = ["reasoning.encrypted_content"]
    return request


def _response_items(turn: Turn) -> list[dict[str, Any]]:
    match turn:
        case Back(items):
            return list(items)
        case Results(said, image):
            outputs: list[dict[str, Any]] = [
                {"type": "function_call_output", "call_id": call.id, "output": text} for call, text in said
            ]
            if image is not None:
                shown = {"type": "input_image", "image_url": f"data:image/png;base64,{image}", "detail": "auto"}
                outputs[-1]["output"] = [{"type": "input_text", "text": outputs[-1]["output"]}, shown]
            return outputs
        case User(text, image, _):
            parts: list[dict[str, Any]] = [{"type": "input_text", "text": text}]
            if image is not None:
                url = f"data:image/png;base64,{image}"
                parts.insert(0, {"type": "input_image", "image_url": url, "detail": "auto"})
            return [{"role": "user", "content": parts}]


def _last_response(event: Any) -> Any:
    if event.type not in ("response.completed", "response.incomplete"):
        raise BrokenOff(event)
    return event.response


def _response_told(answer: Any) -> Told:
    kept = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
    for item in kept:
        for part in item.get("content", ()):
            part.pop("parsed", None)
    parts = [part for item in answer.output if item.type == "message" for part in item.content]
    calls = tuple(
        Called(item.call_id, item.name, json.loads(item.arguments))
        for item in answer.output
        if item.type == "function_call"
    )
    finish = {"completed": "tool_calls" if calls else "stop", "incomplete": "length"}[answer.status]
    if any(part.type == "refusal" for part in parts) or (
        answer.incomplete_details and answer.incomplete_details.reason == "content_filter"
    ):
        finish = "refusal"
    usage = answer.usage
    return Told(
        text="".join(part.refusal if part.type == "refusal" else part.text for part in parts),
        reasoning="".join(
            summary.text for item in answer.output if item.type == "reasoning" for summary in item.summary
        ),
        calls=calls,
        finish=finish,
        counted=Counted(usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens),
        back=Back(kept),
    )

"""Google's SDK: generateContent."""

from __future__ import annotations

import base64
from typing import Any

from google import genai
from google.genai import errors, types

from tests.end_to_end.clients import Ask, Back, Called, Counted, Results, Told, Turn, User
from tests.end_to_end.world import KEY

_FINISH = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "refusal", "PROHIBITED_CONTENT": "refusal"}


class GenerateClient:
    """generateContent."""

    dialect = "gemini-generate"
    failures: tuple[type[Exception], ...] = (errors.APIError,)

    def __init__(self, base_url: str) -> None:
        address = types.HttpOptions(base_url=base_url.removesuffix("/v1"))
        self._client = genai.Client(api_key=KEY, http_options=address)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def ask(self, ask: Ask) -> Told:
        """Ask and wait."""
        models = self._client.models
        if not ask.stream:
            return _told([models.generate_content(**_request(ask))])
        return _told(list(models.generate_content_stream(**_request(ask))))

    async def ask_async(self, ask: Ask) -> Told:
        """The same, asynchronously."""
        models = self._client.aio.models
        try:
            if not ask.stream:
                return _told([await models.generate_content(**_request(ask))])
            return _told([chunk async for chunk in await models.generate_content_stream(**_request(ask))])
        finally:
            await self._client.aio.aclose()


def _request(ask: Ask) -> Any:
    config: dict[str, Any] = {
        "max_output_tokens": ask.limit,
        "automatic_function_calling": {"disable": True},
    }
    if ask.system is not None:
        config["system_instruction"] = ask.system
    if ask.tools:
        declared = [{"name": tool.name, "parameters_json_schema": tool.parameters} for tool in ask.tools]
        config["tools"] = [{"function_declarations": declared}]
    if ask.tool_choice is not None:
        calling = {"mode": "ANY", "allowed_function_names": [ask.tool_choice]}
        config["tool_config"] = {"function_calling_config": calling}
    if ask.schema is not None:
        config |= {"response_mime_type": "application/json", "response_json_schema": ask.schema}
    if ask.stop:
        config["stop_sequences"] = list(ask.stop)
    if ask.thinks:
        config["thinking_config"] = {"include_thoughts": True, "thinking_budget": 2048}
    return {"model": ask.model, "contents": [_content(turn) for turn in ask.turns], "config": config}


def _content(turn: Turn) -> types.Content:
    match turn:
        case Back(items):
            return types.Content(role="model", parts=items)
        case Results(said, image):
            responses = [
                types.FunctionResponse(id=call.id, name=call.name, response={"output": text}) for call, text in said
            ]
            if image is not None:
                blob = types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(image))
                responses[-1].parts = [types.FunctionResponsePart(inline_data=blob)]
            return types.Content(role="user", parts=[types.Part(function_response=each) for each in responses])
        case User(text, image, _):
            parts = [types.Part(text=text)]
            if image is not None:
                parts.insert(0, types.Part.from_bytes(data=base64.b64decode(image), mime_type="image/png"))
            return types.Content(role="user", parts=parts)


def _told(chunks: list[types.GenerateContentResponse]) -> Told:
    candidates = [candidate for chunk in chunks for candidate in chunk.candidates or ()]
    parts = [part for candidate in candidates for part in (candidate.content and candidate.content.parts) or ()]
    calls = [part.function_call for part in parts if part.function_call is not None]
    reasons = [candidate.finish_reason.name for candidate in candidates if candidate.finish_reason is not None]
    assert len(reasons) == 1, reasons
    finish = _FINISH.get(reasons[0], reasons[0])
    usage = next(chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata is not None)
    return Told(
        text="".join(part.text or "" for part in parts if not part.thought),
        reasoning="".join(part.text or "" for part in parts if part.thought),
        calls=tuple(Called(call.id or "", call.name or "", call.args) for call in calls),
        finish="tool_calls" if calls and finish == "stop" else finish,
        counted=Counted(
            usage.prompt_token_count or 0,
            usage.cached_content_token_count or 0,
            (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        ),
        back=Back([part for part in parts if part.model_dump(exclude_none=True) != {"text": ""}]),
    )

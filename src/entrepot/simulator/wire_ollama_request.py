"""The Ollama wire, inward: a request to `/api/chat`, checked as Ollama's server checks it.

Source: github.com/ollama/ollama (`api/types.go`, `server/routes.go`, `server/prompt.go`). Rules of this file: fields that the
server does not know are passed over, as Go does, and wrong types are refused in Go's words. What does not fit the context is
cut from the front of the conversation without a word, unless `truncate` is false.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from entrepot.simulator.heard import Heard, OfferedTool, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.media import decoded, line_of
from entrepot.simulator.tokens import split_tokens

DEFAULT_CONTEXT = 4096
_ROLES = ("system", "user", "assistant", "tool")


def parse_request(request: HttpRequest, path: str) -> Heard | None:
    """A request to chat; None if the path is another. Raises WireError."""
    if path != "/api/chat" or request.method != "POST":
        return None
    try:
        given = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(400, f"invalid character in JSON: {error}") from error
    if not isinstance(given, dict):
        raise _wrong("", given, "api.ChatRequest")
    model = _typed(given, "model", str, "string", "")
    if not model:
        raise WireError(400, "model is required")
    messages = [_message(each) for each in _typed(given, "messages", list, "[]api.Message", [])]
    options = _typed(given, "options", dict, "map[string]interface {}", {})
    tools = tuple(_tool(each) for each in _typed(given, "tools", list, "api.Tools", []))
    kind, schema = _format(given.get("format"))
    users = [text for role, text in messages if role == "user"]
    offered = "\n".join(msgspec.json.encode(each).decode() for each in given.get("tools") or ())
    read = "\n".join([*([offered] if offered else []), *(text for _, text in messages)])
    fits = _context(read, options, truncates=_typed(given, "truncate", bool, "bool", True))
    prompt = users[-1] if users else ""
    limit = options.get("num_predict")
    return Heard(
        model=model,
        prompt=prompt if prompt in fits else fits,
        read=fits,
        tool_results=_closing_results(messages),
        tools=tools,
        format=kind,
        schema=schema,
        max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        stop=tuple(options.get("stop") or ()),
        stream=_typed(given, "stream", bool, "bool", True),
        reasoning_effort=_effort(given.get("think")),
        shows_reasoning=given.get("think") is not False,
        system="\n".join(text for role, text in messages if role == "system"),
        temperature=options.get("temperature"),
        replayed=tuple(each["thinking"] for each in given["messages"] if each.get("thinking")),
        options={"context": options.get("num_ctx", DEFAULT_CONTEXT), "keep_alive": given.get("keep_alive")},
    )


def _context(read: str, options: dict[str, Any], *, truncates: bool) -> str:
    size = options.get("num_ctx", DEFAULT_CONTEXT)
    if not isinstance(size, int) or size < 1:
        raise WireError(400, 'option "num_ctx" must be of type integer')
    tokens = split_tokens(read)
    if len(tokens) <= size:
        return read
    if not truncates:
        said = f"request ({len(tokens)} tokens) exceeds the available context size ({size} tokens), try increasing it"
        nested = {"code": 400, "message": said, "type": "exceed_context_size_error"}
        raise WireError(400, msgspec.json.encode({"error": nested}).decode())
    return "".join(tokens[-size:])


def _message(given: object) -> tuple[str, str]:
    """(role, what of it the model reads)."""
    if not isinstance(given, dict):
        raise _wrong("messages", given, "api.Message")
    role = _typed(given, "role", str, "string", "")
    if role not in _ROLES:
        raise WireError(400, f"invalid role {role!r}: it must be one of {', '.join(_ROLES)}")
    texts = []
    for image in _typed(given, "images", list, "[]api.ImageData", []):
        data = decoded(image) if isinstance(image, str) else None
        if not data:
            raise WireError(400, "illegal base64 data at input byte 0")
        texts.append(line_of("image", data))
    texts.append(_typed(given, "content", str, "string", ""))
    texts.append(_typed(given, "thinking", str, "string", ""))
    for call in _typed(given, "tool_calls", list, "[]api.ToolCall", []):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
            raise _wrong("messages.tool_calls.function.arguments", function, "api.ToolCallFunctionArguments")
        texts.append(f"{function.get('name', '')} {msgspec.json.encode(function['arguments']).decode()}")
    return role, "\n".join(text for text in texts if text)


def _closing_results(messages: list[tuple[str, str]]) -> tuple[str, ...]:
    results: list[str] = []
    for role, text in reversed(messages):
        if role != "tool":
            break
        results.insert(0, text)
    return tuple(results)


def _tool(given: object) -> OfferedTool:
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _wrong("tools.function", function, "api.ToolFunction")
    parameters = function.get("parameters", {})
    if not isinstance(parameters, dict):
        raise _wrong("tools.function.parameters", parameters, "api.ToolFunctionParameters")
    return OfferedTool(function["name"], parameters)


def _format(given: object) -> tuple[Literal["text", "json_object", "json_schema"], dict[str, Any] | None]:
    if given is None or given == "":
        return "text", None
    if given == "json":
        return "json_object", None
    if isinstance(given, dict):
        return "json_schema", given
    raise WireError(400, f'invalid format: {given!r}; expected "json" or a valid JSON Schema object')


def _effort(think: object) -> str | None:
    if think is None or think is True:
        return None
    if think is False:
        return "none"
    if think in ("low", "medium", "high"):
        return str(think)
    raise WireError(400, f'invalid think value: {think!r} (must be "high", "medium", "low", true, or false)')


def _typed(given: dict[str, Any], name: str, kind: type, go: str, default: Any) -> Any:  # noqa: ANN401 - of the type `kind`
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise _wrong(name, value, go)
    return value


def _wrong(name: str, value: object, go: str) -> WireError:
    kind = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
    return WireError(400, f"json: cannot unmarshal {kind} into Go struct field ChatRequest.{name} of type {go}")

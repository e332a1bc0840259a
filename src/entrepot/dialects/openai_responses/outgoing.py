"""Requests as we send them to providers of this dialect.

A client of this dialect is passed on field by field. Written by us: `model`; the token limit where the client named none; `store`
where it is not said, as false, because answers are kept by the gateway or by nobody, and with it, where the model is told how to
reason, that its sealed reasoning comes back to the client (`include`), who else could not send it on the next turn. Taken out:
reasoning that another dialect's provider made, ids that we made or that a provider which is strict about them would refuse, and
reasoning items that hold nothing but the id of what nobody kept. For a client of another dialect the request is made from its
canonical form (`turns.py`). Settings that cannot be said are downgraded or left out, and only these:

- `top_k`, `seed` and all of `Request.extra` but `logprobs` and `top_logprobs` are left out; so is reasoning effort, unless the
  provider declares that it takes it. A budget in tokens becomes an effort.
- A JSON schema becomes JSON mode with the schema in the instructions for providers that do not know schemas; JSON mode says the
  word JSON in the instructions where nobody did, because hosts refuse it without.
- A user's name of more than 64 characters is sent as its SHA-256.
- Cache markers and names of speakers are left out. Plain text files are sent as text.
- `strict` is said to be false of a schema that OpenAI cannot hold a model to (`strictness.py`): strict, it would be refused.
- Stop texts and more than one choice are refused: the dialect has neither.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.effort import effort_of_budget
from entrepot.canonical.request import OutputFormat, Request, Tool
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.names import user_name
from entrepot.dialects.openai_responses.request import LOGPROBS
from entrepot.dialects.openai_responses.turns import Item, Quirks, render_turns
from entrepot.dialects.openai_responses.wire import DIALECT, OUR_ID, decode_any, encode
from entrepot.dialects.seal import is_ours
from entrepot.dialects.strictness import strict_as_asked
from entrepot.errors import InvalidRequest

_LEAST = 16
_SEALED = "reasoning.encrypted_content"
_PREFIXES = {"message": "msg_", "function_call": "fc_", "reasoning": "rs_", "custom_tool_call": "ctc_"}
_OUR_MARKS = (b"entrepot:", b"entrepot-call:", OUR_ID.encode(), b'"reasoning"')


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest where the dialect cannot say what is asked."""
    url = join_address(target.base_url, "/responses", target.upstream_name)
    if asked.dialect == DIALECT:
        return WireRequest(url=url, body=encode(_own_fields(asked, target, max_output_tokens)))
    return WireRequest(url=url, body=encode(compose(asked.request, target, max_output_tokens)))


def _own_fields(asked: Asked, target: Target, max_output_tokens: int | None) -> dict[str, msgspec.Raw]:
    fields = dict(asked.fields)
    fields["model"] = msgspec.Raw(encode(target.upstream_name))
    if asked.request.max_output_tokens is None and max_output_tokens is not None:
        fields["max_output_tokens"] = msgspec.Raw(encode(_limit(max_output_tokens, target.quirks)))
    kept = decode_any(fields["store"]) if "store" in fields else None
    if "no_store" in target.quirks:
        fields.pop("store", None)
        fields.pop("include", None)
    elif kept is None:
        fields["store"] = msgspec.Raw(b"false")
        include = decode_any(fields["include"]) if "include" in fields else None
        reasoning = decode_any(fields["reasoning"]) if "reasoning" in fields else None
        if reasoning and asked.request.reasoning_effort != "none" and _SEALED not in (include or ()):
            fields["include"] = msgspec.Raw(encode([*(include or ()), _SEALED]))
    raw = bytes(fields.get("input", b""))
    prefixed = "prefixed_item_ids" in target.quirks
    if (prefixed or any(mark in raw for mark in _OUR_MARKS)) and isinstance(items := decode_any(raw), list):
        rewritten = [_with_known_id(item, prefixed) for item in items if not _is_foreign(item, bool(kept))]
        fields["input"] = msgspec.Raw(encode(rewritten))
    return fields


def _is_foreign(item: Item, kept: bool) -> bool:
    """Whether this is reasoning that the provider cannot have made, or that nobody kept."""
    if item.get("type") != "reasoning":
        return False
    sealed = item.get("encrypted_content")
    if OUR_ID in str(item.get("id")) or is_ours(str(sealed)):
        return True
    return not kept and not sealed and not item.get("content")


def _with_known_id(item: Item, prefixed: bool) -> Item:
    """The item, without an id that the provider cannot have given it."""
    item_id = str(item.get("id") or "")
    prefix = _PREFIXES.get(item.get("type") or "message", "")
    if OUR_ID not in item_id and not (prefixed and item_id and not item_id.startswith(prefix)):
        return item
    return {name: value for name, value in item.items() if name != "id"}


def compose(request: Request, target: Target, max_output_tokens: int | None) -> dict[str, Any]:
    """The wire's object from a canonical request."""
    quirks = target.quirks
    if request.n > 1:
        raise InvalidRequest(f"'n' is {request.n}: this model's provider gives one choice", param="n")
    if request.stop:
        raise InvalidRequest("'stop': this model's provider cannot be told where to stop", param="stop")
    instructions, items = render_turns(request, quirks, _words(request, quirks))
    sampling = {} if "no_sampling" in quirks else {"temperature": request.temperature, "top_p": request.top_p}
    effort = _effort(request, quirks)
    wire: dict[str, Any] = {
        "model": target.upstream_name,
        "instructions": instructions,
        "input": items,
        "tools": [_tool(tool, f"tools[{i}]") for i, tool in enumerate(request.tools)],
        "text": _text(request.output_format, quirks),
        "max_output_tokens": _limit(request.max_output_tokens or max_output_tokens, quirks),
        **sampling,
        "user": user_name(request.user),
        "reasoning": None if effort is None else {"effort": effort},
        "stream": True if request.stream else None,
    }
    include = [_SEALED] if effort not in (None, "none") else []
    if request.extra.get("logprobs") and "no_store" not in quirks:
        include.append(LOGPROBS)
        wire["top_logprobs"] = request.extra.get("top_logprobs")
    if request.tools:
        wire["tool_choice"] = _tool_choice(request, quirks)
        wire["parallel_tool_calls"] = None if "no_parallel_tool_calls" in quirks else request.parallel_tool_calls
    if "no_store" not in quirks:
        wire |= {"store": False, "include": include}
    return {name: value for name, value in wire.items() if value is not None and (value != [] or name == "input")}


def _limit(tokens: int | None, quirks: Quirks) -> int | None:
    return max(tokens, _LEAST) if tokens is not None and "least_16_output_tokens" in quirks else tokens


def _effort(request: Request, quirks: Quirks) -> str | None:
    if "reasoning_effort" not in quirks:
        return None
    budget = request.reasoning_budget_tokens
    return request.reasoning_effort or (None if budget is None else effort_of_budget(budget))


def _tool(tool: Tool, at: str) -> Item:
    if tool.hosted is not None:
        raise InvalidRequest(f"{at} '{tool.name}' is a tool that only another maker's models have", param=at)
    described = {} if tool.description is None else {"description": tool.description}
    parameters = tool.parameters or {"type": "object", "properties": {}}
    # Left out, `strict` is true here and false in every other dialect.
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": parameters,
        "strict": bool(strict_as_asked(tool.strict, tool.parameters)),
    }


def _tool_choice(request: Request, quirks: Quirks) -> str | Item | None:
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.mode in ("required", "named") and "tool_choice_auto_only" in quirks:
        return "auto"
    return {"type": "function", "name": choice.name} if choice.mode == "named" else choice.mode


def _text(format_: OutputFormat, quirks: Quirks) -> Item | None:
    if format_.kind == "text":
        return None
    if format_.kind == "json" or "no_json_schema" in quirks:
        return {"format": {"type": "json_object"}}
    asked = strict_as_asked(format_.strict, format_.schema)
    strict = {} if asked is None else {"strict": asked}
    return {
        "format": {
            "type": "json_schema",
            "name": format_.name or "answer",
            "schema": format_.schema or {},
            **strict,
        }
    }


def _words(request: Request, quirks: Quirks) -> str | None:
    """What must be added to the instructions for the output format to be taken."""
    format_ = request.output_format
    if format_.kind == "json_schema" and "no_json_schema" in quirks:
        return (
            f"Answer with one JSON value of this JSON Schema and nothing else:\n{encode(format_.schema or {}).decode()}"
        )
    if format_.kind == "json" and not any("json" in message.text().lower() for message in request.messages):
        return "Answer with one JSON value and nothing else."
    return None

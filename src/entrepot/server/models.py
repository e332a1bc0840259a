"""Lists of models as each dialect's clients read them: pure; the endpoints ask the planner and send.

Rules of this file: who asks decides the shape. Below `/v1beta/`, or with one of Google's headers, it is Gemini's; with
`anthropic-version` it is Anthropic's; otherwise OpenAI's. Lists come in pages where the dialect has pages: the page size that
a client names is kept to its dialect's limits. A name says nothing of when its model was made, so the time given is that of
our start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from entrepot.errors import InvalidRequest
from entrepot.exchange.listing import Listed

_OPENAI, _ANTHROPIC, _GEMINI = "openai-chat", "anthropic-messages", "gemini-generate"
_ANTHROPIC_PAGE, _GEMINI_PAGE, _LONGEST_PAGE = 20, 50, 1000
_ROOTS = ("/v1/models", "/v1beta/models")


def model_named(path: str) -> str | None:
    """The name below a list of models, "" for the list itself, None for a path that is neither."""
    for root in _ROOTS:
        if path == root:
            return ""
        if path.startswith(f"{root}/") and len(path) > len(root) + 1:
            return path[len(root) + 1 :]
    return None


def asker_of(path: str, headers: Mapping[bytes, bytes]) -> str:
    """The name of the dialect in which a list of models, or one of them, is asked for."""
    if path.startswith("/v1beta/") or b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
        return _GEMINI
    return _ANTHROPIC if b"anthropic-version" in headers else _OPENAI


def render_models(listed: Sequence[Listed], asker: str, query: str, created_s: int) -> bytes:
    """A page of the list. Raises InvalidRequest for a page that cannot be."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    if asker == _GEMINI:
        return msgspec.json.encode(_gemini_page(listed, asked))
    if asker == _ANTHROPIC:
        return msgspec.json.encode(_anthropic_page(listed, asked, created_s))
    return msgspec.json.encode({"object": "list", "data": [_openai(each, created_s) for each in listed]})


def render_model(listed: Listed, asker: str, created_s: int) -> bytes:
    """One name."""
    if asker == _GEMINI:
        return msgspec.json.encode(_gemini(listed))
    return msgspec.json.encode(_anthropic(listed, created_s) if asker == _ANTHROPIC else _openai(listed, created_s))


def _openai(listed: Listed, created_s: int) -> dict[str, Any]:
    return {"id": listed.name, "object": "model", "created": created_s, "owned_by": listed.owner}


def _anthropic(listed: Listed, created_s: int) -> dict[str, Any]:
    model = {
        "type": "model",
        "id": listed.name,
        "display_name": listed.name,
        "created_at": datetime.fromtimestamp(created_s, UTC).isoformat().replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": listed.context_tokens,
        "max_tokens": listed.max_output_tokens,
    }
    return {name: value for name, value in model.items() if value is not None}


def _anthropic_page(listed: Sequence[Listed], asked: Mapping[str, str], created_s: int) -> dict[str, Any]:
    size = _size(asked, "limit", _ANTHROPIC_PAGE)
    names = [each.name for each in listed]
    if (before := asked.get("before_id")) is not None:
        end = _place(names, before, "before_id")
        start = max(0, end - size)
        more = start > 0
    else:
        after = asked.get("after_id")
        start = 0 if after is None else _place(names, after, "after_id") + 1
        end = min(start + size, len(listed))
        more = end < len(listed)
    page = listed[start:end]
    return {
        "data": [_anthropic(each, created_s) for each in page],
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
        "has_more": more,
    }


def _gemini(listed: Listed) -> dict[str, Any]:
    methods = ["generateContent", "streamGenerateContent", "countTokens"] if listed.answers else []
    methods += ["embedContent", "batchEmbedContents"] if listed.embeds else []
    model = {
        "name": f"models/{listed.name}",
        "version": listed.name,
        "displayName": listed.name,
        "inputTokenLimit": listed.context_tokens,
        "outputTokenLimit": listed.max_output_tokens,
        "supportedGenerationMethods": methods,
    }
    return {name: value for name, value in model.items() if value is not None}


def _gemini_page(listed: Sequence[Listed], asked: Mapping[str, str]) -> dict[str, Any]:
    size = _size(asked, "pageSize", _GEMINI_PAGE)
    token = asked.get("pageToken")
    start = 0 if token is None else _place([each.name for each in listed], token, "pageToken") + 1
    page = listed[start : start + size]
    rest = {"nextPageToken": page[-1].name} if start + size < len(listed) else {}
    return {"models": [_gemini(each) for each in page], **rest}


def _size(asked: Mapping[str, str], name: str, usual: int) -> int:
    given = asked.get(name)
    if given is None or given == "0":
        return usual
    if not given.isascii() or not given.isdigit():
        raise InvalidRequest(f"'{name}' is '{given[:40]}': it must be a whole number", param=name)
    return min(int(given[:9]), _LONGEST_PAGE)


def _place(names: Sequence[str], name: str, param: str) -> int:
    """Where a page begins or ends: at a name, which the asker was given with another page."""
    try:
        return names.index(name)
    except ValueError:
        raise InvalidRequest(f"'{param}' is '{name[:100]}', which this key's list does not hold", param=param) from None

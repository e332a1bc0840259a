"""What we send a provider: the client's own fields where it speaks this dialect, else the canonical request in its words.

Rules of this file: every request of a batch names the model again, as the address has it. A vector's length and task are said
beside the content, where every version of the API reads them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Media, Message, Request, Text, Unknown
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.gemini_embed.request import BATCH
from entrepot.dialects.gemini_embed.wire import DIALECT
from entrepot.dialects.gemini_generate.media import render_media
from entrepot.dialects.gemini_generate.wire import decode_value, encode, listed
from entrepot.dialects.vectors import dimensions_of, embedding_at, text_of
from entrepot.errors import InvalidRequest

_VERTEX = "/publishers/"
"""What stands in every base address of Vertex AI, and in none of the Gemini API."""


def render_request(asked: Asked, target: Target, _max_output_tokens: int | None = None) -> WireRequest:
    """The request for this target. Raises InvalidRequest for content that Gemini could not be told."""
    request, name = asked.request, target.upstream_name
    path = name if "/" in name else f"models/{name}"
    if _VERTEX in target.base_url and not _embeds_contents(name):
        return _wire(target, f"/{path}:predict", encode(_instances(request)))
    batch = len(request.messages) > 1 or bool(request.extra.get(BATCH))
    if _VERTEX in target.base_url and batch:
        if len(request.messages) > 1:
            raise InvalidRequest(
                "Vertex AI embeds one input at a time with this model: send them apart", param="requests"
            )
        batch = False
    own = asked.dialect == DIALECT
    if own and batch == bool(request.extra.get(BATCH)):
        return _wire(target, f"/{path}:{_action(batch)}", encode(_own_fields(asked, path, batch)))
    contents = [_content(request, index, own=own) for index in range(len(request.messages))]
    if not batch:
        return _wire(target, f"/{path}:{_action(batch)}", encode(contents[0]))
    return _wire(
        target, f"/{path}:{_action(batch)}", encode({"requests": [{"model": path, **each} for each in contents]})
    )


def _wire(target: Target, path: str, body: bytes) -> WireRequest:
    return WireRequest(url=join_address(target.base_url, path, target.upstream_name), body=body)


def _action(batch: bool) -> str:
    return "batchEmbedContents" if batch else "embedContent"


def _embeds_contents(name: str) -> bool:
    """Whether Vertex AI asks this model with `embedContent`: the Gemini ones do after the first."""
    return "gemini" in name and name.rpartition("/")[2] != "gemini-embedding-001"


def _own_fields(asked: Asked, path: str, batch: bool) -> dict[str, msgspec.Raw]:
    fields = dict(asked.fields)
    model = msgspec.Raw(encode(path))
    if not batch:
        return {**fields, "model": model} if "model" in fields else fields
    requests = [{**each, "model": path} for each in listed(decode_value(fields["requests"]))]
    return {**fields, "requests": msgspec.Raw(encode(requests))}


def _content(request: Request, index: int, *, own: bool) -> dict[str, Any]:
    """One input with its settings."""
    message, asked = request.messages[index], embedding_at(request, index)
    settings = {"taskType": asked.task, "title": asked.title, "outputDimensionality": asked.dimensions}
    content = {"parts": _parts(message, f"messages[{index}]", own=own)}
    return {
        **(message.extra if own else {}),
        "content": content,
        **{name: value for name, value in settings.items() if value is not None},
    }


def _parts(message: Message, at: str, *, own: bool) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(message.parts):
        where = f"{at}.parts[{index}]"
        if isinstance(part, Text):
            parts.append({"text": part.text})
        elif isinstance(part, Media):
            parts.append(render_media(part, where, own=own))
        elif isinstance(part, Unknown) and "token_ids" not in part.raw and own:
            parts.append(part.raw)
        else:
            text_of(message, at)  # says what is wrong with it
    return parts


def _instances(request: Request) -> dict[str, Any]:
    """The body of `predict`."""
    instances = []
    for index, message in enumerate(request.messages):
        asked = embedding_at(request, index)
        instance = {"content": text_of(message, f"messages[{index}]"), "task_type": asked.task, "title": asked.title}
        instances.append({name: value for name, value in instance.items() if value is not None})
    dimensions = dimensions_of(request)
    # Without this the API cuts long texts off unseen.
    parameters: dict[str, Any] = {"autoTruncate": False}
    if dimensions is not None:
        parameters["outputDimensionality"] = dimensions
    return {"instances": instances, "parameters": parameters}

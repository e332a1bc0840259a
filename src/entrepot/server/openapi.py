"""The gateway's OpenAPI document, made of the table in `surface.py`, and what it says to whoever opens its address.

Rules of this file: nothing is stated here of one path alone. Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from entrepot import __version__
from entrepot.server.shapes import Schema, of_structs, reference, schemas, struct_name
from entrepot.server.surface import OPERATIONS, Operation, Parameter

GREETING = """Entrepôt, an AI gateway, is running. 网关正在运行。

Point a program here, with a key of this gateway 用网关的密钥，把程序指到这里:

  OpenAI clients             this address with /v1 behind it 本地址加 /v1
  Anthropic, Gemini clients  this address as it is 本地址

What can be asked 接口说明: /openapi.json
"""
"""What `GET /` says."""
_STEERING = {
    "x-entrepot-quality": ({"type": "number", "minimum": 0, "maximum": 1}, "The loss of quality allowed"),
    "x-entrepot-max-cost-usd": ({"type": "number", "minimum": 0, "maximum": 1e6}, "A bound on the expected cost"),
    "x-entrepot-tags": ({"type": "string"}, "Tags beside those of the key, separated by commas"),
    "x-entrepot-no-store": ({"type": "string", "enum": ["true", "false"]}, "`true`: nothing is kept"),
    "x-entrepot-session": ({"type": "string"}, "A name for the conversation"),
}
_ABOUT_THE_EXCHANGE = {
    "x-entrepot-exchange": "The exchange's id",
    "x-entrepot-route": "The route, where one was asked for",
    "x-entrepot-model": "The model that answered",
    "x-entrepot-deployment": "The deployment that answered",
    "x-entrepot-cost-usd": "What the exchange cost, on a whole answer, where it is known",
    "x-entrepot-baseline-usd": "What the route's baseline is estimated to have cost, on a whole answer",
}
_KEYS: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    bodies: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
        if operation.body is not None:
            bodies.update(of_structs(*operation.body))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Entrepôt",
            "version": __version__,
            "summary": "One address for every model: OpenAI's, Anthropic's and Gemini's APIs, and what was decided",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": {**bodies, **schemas()}, "securitySchemes": _KEYS},
    }


def render_document() -> bytes:
    """The document as JSON."""
    return msgspec.json.encode(document())


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{name: []} for name in _KEYS] if operation.key else [],
        "responses": _responses(operation),
    }
    parameters = [_parameter(each) for each in operation.parameters]
    if operation.steered:
        parameters += [
            {"name": name, "in": "header", "description": f"{told} for this request", "schema": schema}
            for name, (schema, told) in _STEERING.items()
        ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": reference(struct_name(*operation.body))}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: Schema = {"type": "string", **({"enum": list(parameter.values)} if parameter.values else {})}
    described = {"name": parameter.name, "in": parameter.where, "description": parameter.description, "schema": schema}
    return {**described, "required": True} if parameter.where == "path" else described


def _responses(operation: Operation) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "The answer", "content": _content(operation)}}
    if operation.steered:
        answers["200"]["headers"] = {
            name: {"description": told, "schema": {"type": "string"}} for name, told in _ABOUT_THE_EXCHANGE.items()
        }
    for status, shape in (*operation.also, *((status, operation.errors) for status in operation.statuses)):
        content = {"application/json": {"schema": reference(shape)}}
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return answers


def _content(operation: Operation) -> dict[str, Any]:
    if not operation.answer:
        return {"text/plain": {"schema": {"type": "string"}}}
    json: dict[str, Any] = {"application/json": {"schema": reference(operation.answer)}}
    if not operation.stream:
        return json
    events: dict[str, Any] = {"text/event-stream": {"schema": {"description": "Server-sent events of the dialect"}}}
    if operation.stream == "always":
        return {**events, "application/json": {"schema": {"type": "array", "items": reference(operation.answer)}}}
    return {**json, **events}

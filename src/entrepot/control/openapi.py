"""The admin API's OpenAPI document, made of its table of endpoints and of the structs that they read.

Rules of this file: nothing is stated here of one path alone. Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from entrepot import __version__
from entrepot.control.sessions import COOKIE

Schema = dict[str, Any]
_REFERENCE = "#/components/schemas/"
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code"],
            "properties": {"message": {"type": "string"}, "code": {"type": "string"}},
        }
    },
}
_KEYS: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A member's key"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_STATUSES = {
    400: "What is asked for is malformed",
    401: "Nobody is signed in",
    403: "This member may not",
    404: "There is no such thing, or not for this member",
    405: "The path takes another method",
    408: "The request did not arrive in time",
    409: "What is there stands in the way",
    413: "The body is larger than 256 kB",
    500: "A defect of ours",
}


class Described(NamedTuple):
    """One method of one path. `body` is what it reads; `named` that the name in it may be left out, for the path has it."""

    method: str
    path: str
    summary: str
    body: type[msgspec.Struct] | None = None
    named: bool = False
    key: bool = True
    query: tuple[str, ...] = ()


def build_document(endpoints: Iterable[Described]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Schema] = {"Error": _ERROR}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
        if endpoint.body is not None:
            _, found = msgspec.json.schema_components([endpoint.body], ref_template=f"{_REFERENCE}{{name}}")
            schemas.update(found)
            if endpoint.named:
                own = schemas[endpoint.body.__name__]
                schemas[endpoint.body.__name__] = {
                    **own,
                    "required": [each for each in own.get("required", ()) if each != "name"],
                }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Entrepôt's admin API",
            "version": __version__,
            "summary": "Keys, teams, members, rules, budgets and trials, and who changed them",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _KEYS},
    }


def _operation(endpoint: Described) -> dict[str, Any]:
    problem = {"application/json": {"schema": {"$ref": f"{_REFERENCE}Error"}}}
    described: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()} {endpoint.path}",
        "summary": endpoint.summary,
        "security": [{name: []} for name in _KEYS] if endpoint.key else [],
        "responses": {
            "200": {"description": "The answer", "content": {"application/json": {"schema": {}}}},
            **{str(status): {"description": told, "content": problem} for status, told in _STATUSES.items()},
        },
    }
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _in(endpoint.path)
    ]
    asked = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in endpoint.query]
    if named or asked:
        described["parameters"] = [*named, *asked]
    if endpoint.body is not None:
        content = {"application/json": {"schema": {"$ref": f"{_REFERENCE}{endpoint.body.__name__}"}}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _in(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)

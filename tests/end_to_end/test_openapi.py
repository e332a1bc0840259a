"""The running gateway under fuzz by its own OpenAPI document: what it answers is what it says that it answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from entrepot.server.openapi import document
from entrepot.server.surface import OPERATIONS, Operation
from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end

# Not `positive_data_acceptance` nor `negative_data_rejection`: what a program says beside what we know is let through, and
# a body that fits the schema may still ask for what no model here can do.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
SCHEMA = schemathesis.openapi.from_dict(document())
BOUNDED = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@SCHEMA.parametrize()
@BOUNDED
def test_whatever_is_sent_is_answered_as_documented(entrepot: World, case: Any) -> None:
    for place in (case.body, case.path_parameters):
        # Every other request is for a model that there is, and gets beyond the question whether there is one.
        if isinstance(place, dict) and isinstance(place.get("model"), str) and len(place["model"]) % 2 == 0:
            place["model"] = "auto"
    address = entrepot.base_url.removesuffix("/v1")
    case.call_and_validate(base_url=address, headers={"authorization": f"Bearer {KEY}"}, checks=CHECKS, timeout=20)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.key], ids=lambda each: each.id)
def test_without_a_key_nothing_is_answered(entrepot: World, operation: Operation) -> None:
    path = operation.path.replace("{model}", "auto").replace("{id}", "0")
    body = b"{}" if operation.body else None
    status, _, data = entrepot.request(f"/{path}", body, key=None, method=operation.method.upper())
    assert status == 401
    assert "key" in json.loads(data)["error"]["message"]


def test_the_document_is_served_and_needs_no_key(entrepot: World) -> None:
    status, headers, data = entrepot.request("//openapi.json", key=None)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(data) == document()

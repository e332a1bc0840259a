"""The admin API under fuzz by its own OpenAPI document, before a real control process: no defect, whatever is sent."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from entrepot.control.api import document
from entrepot.settings.schema import ControlSettings
from tests.end_to_end.test_admin import Admin, alive
from tests.end_to_end.test_openapi import BOUNDED
from tests.end_to_end.world import eventually, world

pytestmark = pytest.mark.end_to_end

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(document())


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """An admin API whose objects nobody needs afterwards."""
    with world(tmp_path_factory.mktemp("fuzzed"), control=ControlSettings(port=0)) as installation:
        found = Admin(installation)
        assert eventually(lambda: alive(found))
        yield found


@SCHEMA.parametrize()
@BOUNDED
def test_whatever_is_sent_is_answered_as_documented(fuzzed: Admin, case: Any) -> None:
    if case.path.endswith("/logout"):
        return  # it takes a session of a page of the same origin; test_admin.py has it
    headers = {"authorization": f"Bearer {fuzzed.key}"}
    case.call_and_validate(base_url=fuzzed.address, headers=headers, checks=CHECKS, timeout=20)


def test_the_document_is_served_and_names_every_path(fuzzed: Admin) -> None:
    with urllib.request.urlopen(f"{fuzzed.address}/openapi.json", timeout=30) as answer:
        served = json.load(answer)
    assert served == json.loads(json.dumps(document()))
    assert "put" in served["paths"]["/admin/v1/budgets/{name}"]

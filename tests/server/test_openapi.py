from __future__ import annotations

import re
from pathlib import Path

import pytest

from entrepot.dialects.registry import CLIENT_PATHS
from entrepot.server.openapi import document, render_document
from entrepot.server.shapes import REFERENCE
from entrepot.server.surface import OPERATIONS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http.md").read_text(encoding="utf-8")


def test_every_reference_is_to_a_schema_and_every_schema_is_referred_to() -> None:
    referred = set(re.findall(rf'"{REFERENCE}([\w.]+)"', render_document().decode()))
    assert referred == set(document()["components"]["schemas"])


def test_an_operation_has_a_name_of_its_own() -> None:
    ids = [operation.id for operation in OPERATIONS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", CLIENT_PATHS)
def test_every_path_of_a_dialect_is_described(path: str) -> None:
    described = [each.path for each in OPERATIONS]
    assert any(each.startswith(path) if path.endswith("/") else each == path for each in described)


def test_every_status_that_an_error_has_is_described_and_no_other() -> None:
    told = {int(status) for status in re.findall(r"^\| `\w+` \| (\d+) \|", PAGE, re.MULTILINE)}
    described = {status for operation in OPERATIONS for status in operation.statuses}
    # 405 is what another method than those described is answered with, 409 is the admin API's.
    assert described == told - {405, 409}


def test_every_path_on_the_page_is_described() -> None:
    described = [re.sub(r"{\w+}", "{}", path) for path in document()["paths"]]
    for path in re.findall(r"^\| `[A-Z]+ (/[^`]*)`", PAGE, re.MULTILINE):
        blank = re.sub(r"{\w+}", "{}", path)
        assert any(each.startswith(blank) if path.endswith("s/") else each == blank for each in described), path

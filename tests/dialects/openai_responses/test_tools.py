from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import ToolChoice
from entrepot.dialects.openai_responses.tools import tools_of, without_search
from entrepot.errors import InvalidRequest

FUNCTION: dict[str, Any] = {"type": "function", "name": "read"}
SEARCH: dict[str, Any] = {"type": "web_search", "external_web_access": True}
INTERPRETER: dict[str, Any] = {"type": "code_interpreter"}


def left(choice: ToolChoice | None, *tools: dict[str, Any]) -> list[str]:
    return [tool.name for tool in without_search(choice, tools_of(list(tools), "tools"))]


@pytest.mark.parametrize("choice", [None, ToolChoice("auto")])
def test_a_web_search_beside_functions_of_the_clients_own_is_one_help_among_others(choice: ToolChoice | None) -> None:
    assert left(choice, FUNCTION, SEARCH) == ["read"]
    assert left(choice, FUNCTION, {"type": "web_search_preview"}, INTERPRETER) == ["read", "code_interpreter"]


def test_a_web_search_that_is_all_that_is_offered_stays() -> None:
    assert left(None, SEARCH) == ["web_search"]
    assert left(None, SEARCH, INTERPRETER) == ["web_search", "code_interpreter"]


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "web_search")])
def test_a_web_search_that_the_client_may_be_demanding_stays(choice: ToolChoice) -> None:
    assert left(choice, FUNCTION, SEARCH) == ["read", "web_search"]


def test_what_is_wrong_in_a_namespace_is_told_with_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools_of([{"type": "namespace", "name": "n", "tools": [FUNCTION, {"type": "function"}]}], "tools")
    assert caught.value.param == "tools[0].tools[1].name"

from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Tool, ToolChoice
from entrepot.dialects.openai_responses.names import ClientNames
from entrepot.dialects.openai_responses.tools import choose, tool_of, tools_of, without_search
from entrepot.errors import InvalidRequest
from tests.dialects.openai_responses.asking import ask

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
TOOLS = (Tool("a"), Tool("b"), Tool("web_search", hosted={"type": "web_search"}))
FUNCTION: dict[str, Any] = {"type": "function", "name": "read"}
SEARCH: dict[str, Any] = {"type": "web_search", "external_web_access": True}
INTERPRETER: dict[str, Any] = {"type": "code_interpreter"}


def test_a_function_is_read_flat() -> None:
    wire = {"type": "function", "name": "f", "description": "查词", "parameters": SCHEMA, "strict": True}
    assert tool_of(wire, "tools[0]") == Tool("f", "查词", SCHEMA, True)


def test_a_custom_tool_becomes_a_function_of_one_text_that_is_told_its_grammar() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    tool = tool_of({"type": "custom", "name": "patch", "description": "Patches.", "format": grammar}, "tools[0]")
    assert tool.description == "Patches.\n\nThe input must follow this lark grammar:\nstart: WORD"
    assert tool.parameters is not None
    assert tool.parameters["required"] == ["input"]
    plain: dict[str, Any] = {"type": "custom", "name": "say"}
    names = ClientNames(ask(tools=[plain, {"type": "function", "name": "f"}]).request)
    assert [names.is_custom(name) for name in ("say", "f", "g")] == [True, False, False]


@pytest.mark.parametrize("wire", [{"type": "web_search"}, {"type": "mcp", "server_label": "x"}])
def test_a_tool_that_runs_at_the_provider_is_kept_as_it_was(wire: dict[str, Any]) -> None:
    assert tool_of(wire, "tools[0]") == Tool(wire["type"], hosted=wire)


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "a"}, ToolChoice("named", "a")),
        ({"type": "custom", "name": "b"}, ToolChoice("named", "b")),
        ({"type": "web_search"}, ToolChoice("named", "web_search")),
    ],
)
def test_every_shape_of_a_choice_is_understood(wire: Any, choice: ToolChoice | None) -> None:
    assert choose(wire, TOOLS) == (choice, TOOLS)


def test_a_choice_among_some_tools_leaves_the_others_out() -> None:
    wire = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    assert choose(wire, TOOLS) == (ToolChoice("required"), (Tool("b"),))
    hosted = {"type": "allowed_tools", "tools": [{"type": "web_search"}]}
    assert choose(hosted, TOOLS) == (ToolChoice("auto"), TOOLS[2:])


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

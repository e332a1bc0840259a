from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Tool, ToolChoice
from entrepot.dialects.openai_responses.tools import choose, custom_names, tool_of
from tests.dialects.openai_responses.asking import ask

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
TOOLS = (Tool("a"), Tool("b"), Tool("web_search", hosted={"type": "web_search"}))


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
    assert custom_names(ask(tools=[plain, {"type": "function", "name": "f"}]).request) == {"say"}


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

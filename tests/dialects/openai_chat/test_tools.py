from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Tool, ToolChoice
from entrepot.dialects.openai_chat.tools import choose
from entrepot.errors import InvalidRequest

TOOLS = (Tool("f"), Tool("g"), Tool("h"))


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("any", ToolChoice("required")),
        ("made_up", None),
        ({"type": "required"}, ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        ({"name": "f"}, ToolChoice("named", "f")),
        ({"type": "custom", "custom": {"name": "g"}}, ToolChoice("named", "g")),
        ({"type": "web_search"}, ToolChoice("named", "web_search")),
    ],
)
def test_a_choice_is_understood_in_every_shape(wire: Any, choice: ToolChoice | None) -> None:
    assert choose(wire, TOOLS) == (choice, TOOLS)


def test_tools_that_a_choice_does_not_allow_are_left_out() -> None:
    allowed = [{"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "h"}]
    wire = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": allowed}}
    assert choose(wire, TOOLS) == (ToolChoice("required"), (TOOLS[0], TOOLS[2]))


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "function"},
        {"type": "function", "function": {"name": ""}},
        {},
        {"type": "allowed_tools"},
        {"type": "allowed_tools", "allowed_tools": {"mode": "sometimes", "tools": []}},
        {"type": "allowed_tools", "allowed_tools": {"tools": "f"}},
    ],
)
def test_a_choice_that_does_not_say_what_is_chosen_is_refused(wire: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        choose(wire, TOOLS)
    assert str(caught.value.param).startswith("tool_choice")

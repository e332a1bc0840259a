"""Tools that a model is not shown until something finds them: `defer_loading`, and what is said of it in a conversation.

Rules of this file: other makers' models know nothing of this, so they are shown what a model of this dialect would see. Where
the provider itself searches (`tool_search_tool_…`), that is every tool at once, and the search is left out. Where the client
searches, as Claude Code does, a deferred tool is shown once a result refers to it (`tool_reference`), a system message adds it
(`tool_addition`), a call has been made of it or the choice names it; a `tool_removal` hides any tool. A provider of this
dialect gets the client's own fields, in which all of it stands as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from entrepot.dialects.anthropic_messages.wire import WireMessage

CHANGES = ("tool_addition", "tool_removal")
"""Blocks of a system message that say which tools there are from here on."""
_SEARCH = "tool_search_tool_"


def hidden_tools(
    tools: Sequence[dict[str, Any]], messages: Sequence[WireMessage], choice: dict[str, Any] | None
) -> set[int]:
    """The positions of those tools that the model is not to see, or that only a provider of this dialect can run."""
    searches = {i for i, tool in enumerate(tools) if str(tool.get("type")).startswith(_SEARCH)}
    deferred = set() if searches else {str(tool.get("name")) for tool in tools if tool.get("defer_loading") is True}
    hidden = deferred - {str((choice or {}).get("name"))}
    for message in messages:
        for block in message.content if isinstance(message.content, list) else ():
            match block.get("type"):
                case "tool_removal":
                    hidden.add(str(_tool_of(block).get("name")))
                case "tool_addition":
                    hidden.discard(str(_tool_of(block).get("name")))
                case "tool_use":
                    hidden.discard(str(block.get("name")))
                case "tool_result":
                    hidden.difference_update(_references(block))
    return searches | {i for i, tool in enumerate(tools) if str(tool.get("name")) in hidden}


def _tool_of(block: dict[str, Any]) -> dict[str, Any]:
    tool = block.get("tool")
    return tool if isinstance(tool, dict) else {}


def _references(result: dict[str, Any]) -> Iterator[str]:
    content = result.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_reference":
            yield str(block.get("tool_name"))

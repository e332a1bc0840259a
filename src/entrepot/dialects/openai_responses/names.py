"""Tools' names: this dialect groups tools in namespaces, the canonical form and every other dialect have one flat list.

Rules of this file: a tool of a namespace is called `namespace__name`, and its `extra` keeps the two apart, so that an answer
names it as the client does. The namespace `functions` is the one that stands for none. A call whose namespace is its own name was
found by a search and is in none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from entrepot.canonical.request import Request
from entrepot.errors import InvalidRequest

Item = dict[str, Any]

_NONE = ("", "functions")


def flat_name(name: str, namespace: object) -> str:
    """The canonical name of a tool."""
    inside = isinstance(namespace, str) and namespace not in (*_NONE, name)
    return f"{namespace}__{name}" if inside else name


def spread(tools: list[Item], at: str) -> Iterator[tuple[Item, str | None, str]]:
    """Every tool with the namespace that it is in and its place, those of namespaces one by one. Raises InvalidRequest."""
    for i, tool in enumerate(tools):
        inner = tool.get("tools")
        if tool.get("type") != "namespace" or not isinstance(inner, list):
            yield tool, None, f"{at}[{i}]"
            continue
        name = tool.get("name")
        for j, each in enumerate(inner):
            where = f"{at}[{i}].tools[{j}]"
            if not isinstance(each, dict):
                raise InvalidRequest(f"'{where}' must be a tool", param=where)
            yield each, name if isinstance(name, str) else None, where


class ClientNames:
    """The tools of a request as its client calls them, by their canonical names."""

    def __init__(self, request: Request) -> None:
        self._custom = frozenset(tool.name for tool in request.tools if tool.extra.get("custom"))
        self._spelled: Mapping[str, Item] = {
            tool.name: tool.extra["spelled"] for tool in request.tools if "spelled" in tool.extra
        }

    def is_custom(self, name: str) -> bool:
        """Whether the tool takes free text."""
        return name in self._custom

    def spell(self, item: Item) -> Item:
        """A call's item, with the name as the client knows it."""
        return {**item, **self._spelled.get(item["name"], {})}

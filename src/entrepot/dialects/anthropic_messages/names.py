"""Tool names and call ids that this dialect's providers take, and the client's own back from them.

Rules of this file: names match `^[a-zA-Z0-9_-]{1,64}$` and ids `^[a-zA-Z0-9_-]+$` there. What matches already stays as it is;
anything else is replaced so that no two become the same. The same request always gives the same names, so the parser of the
answer can find the client's again without being told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from entrepot.canonical.request import Request, ToolCall, ToolResult

MAX_NAME = 64
_BAD = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """One mapping, both ways."""

    def __init__(self, originals: Iterable[str], longest: int) -> None:
        wanted = list(dict.fromkeys(originals))
        self._there = {name: name for name in wanted if name and len(name) <= longest and not _BAD.search(name)}
        taken = set(self._there)
        for number, name in enumerate(wanted):
            if name not in self._there:
                clean = _BAD.sub("_", name)[: longest - 8].strip("_") or "x"
                clean = next(c for c in _numbered(clean, number) if c not in taken)
                taken.add(clean)
                self._there[name] = clean
        self._back = {there: name for name, there in self._there.items()}

    def there(self, name: str) -> str:
        """The name as the provider takes it."""
        return self._there.get(name, name)

    def back(self, name: str) -> str:
        """The client's own name; one that the provider made up stays."""
        return self._back.get(name, name)


def _numbered(clean: str, number: int) -> Iterable[str]:
    while True:
        yield f"{clean}_{number}"
        number += 1


def tool_names(request: Request) -> Names:
    """The mapping of a request's tool names, those of its history included."""
    called = [part.name for part in request.parts() if isinstance(part, ToolCall)]
    chosen = [request.tool_choice.name] if request.tool_choice is not None and request.tool_choice.name else []
    return Names([*(tool.name for tool in request.tools), *called, *chosen], MAX_NAME)


def call_ids(request: Request) -> Names:
    """The mapping of a request's call ids."""
    ids = [part.id for part in request.parts() if isinstance(part, ToolCall)]
    results = [part.call_id for part in request.parts() if isinstance(part, ToolResult)]
    return Names([*ids, *results], 256)

"""Names and ids that a provider takes, and the client's own back from them.

Rules of this file: what a provider takes already stays as it is; anything else is replaced so that no two become the same. The
same request always gives the same names, so the parser of the answer can find the client's again without being told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from entrepot.canonical.request import Request, ToolCall, ToolResult

MAX_USER = 64
"""What OpenAI takes as `user`; OpenRouter and Zhipu take 128, Anthropic 256. Claude Code's own is 155 characters long."""
_BAD = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """One mapping, both ways. `bad` matches a character that the provider refuses, `longest` is in characters."""

    def __init__(self, originals: Iterable[str], longest: int, bad: re.Pattern[str] = _BAD) -> None:
        wanted = list(dict.fromkeys(originals))
        self._there = {name: name for name in wanted if name and len(name) <= longest and not bad.search(name)}
        taken = set(self._there)
        for number, name in enumerate(wanted):
            if name not in self._there:
                clean = bad.sub("_", name)[: longest - 8].strip("_") or "x"
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


def _numbered(clean: str, number: int) -> Iterator[str]:
    while True:
        yield f"{clean}_{number}"
        number += 1


def user_name(user: str | None) -> str | None:
    """Who is asking, short enough for every provider: a name that is longer becomes its SHA-256, the same every time."""
    if user is None or len(user) <= MAX_USER:
        return user
    return hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def tool_names(request: Request, longest: int) -> Names:
    """The mapping of a request's tool names, those of its history included: letters, digits, `_` and `-`."""
    called = [part.name for part in request.parts() if isinstance(part, ToolCall)]
    chosen = [request.tool_choice.name] if request.tool_choice is not None and request.tool_choice.name else []
    return Names([*(tool.name for tool in request.tools), *called, *chosen], longest)


def call_ids(request: Request, longest: int, bad: re.Pattern[str] = _BAD) -> Names:
    """The mapping of a request's call ids."""
    ids = [part.id for part in request.parts() if isinstance(part, ToolCall)]
    results = [part.call_id for part in request.parts() if isinstance(part, ToolResult)]
    return Names([*ids, *results], longest, bad)

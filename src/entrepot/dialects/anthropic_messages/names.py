"""Tool names and call ids as this dialect's providers take them: `^[a-zA-Z0-9_-]{1,64}$` and `^[a-zA-Z0-9_-]+$`."""

from __future__ import annotations

from entrepot.canonical.request import Request
from entrepot.dialects import names
from entrepot.dialects.names import Names

MAX_NAME = 64
_MAX_ID = 256

__all__ = ["MAX_NAME", "Names", "call_ids", "tool_names"]


def tool_names(request: Request) -> Names:
    """The mapping of a request's tool names."""
    return names.tool_names(request, MAX_NAME)


def call_ids(request: Request) -> Names:
    """The mapping of a request's call ids."""
    return names.call_ids(request, _MAX_ID)

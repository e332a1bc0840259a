"""What a response says of itself beside its output: its names, its state, and the settings it was asked with.

Source: OpenAI API reference, the Response object: the settings of the request are repeated, with their defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.response import FinishReason
from entrepot.canonical.stream import Started
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.wire import DIALECT, decode_any

_DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "pause": "max_output_tokens",  # there is more to come
    "error": "max_output_tokens",
    "content_filter": "content_filter",
}


class Head:
    """The response object of one answer, as it stands at any moment."""

    def __init__(self, asked: Asked, created_s: int) -> None:
        self._asked = asked
        self._started = Started("", "", created_s)
        self._created_s = created_s
        self._settings: dict[str, Any] | None = None

    def start(self, started: Started) -> None:
        """The provider's own names for the answer."""
        self._started = started

    @property
    def own(self) -> bool:
        """Whether the provider speaks this dialect, so that names in any `extra` are its words."""
        return self._started.dialect == DIALECT

    @property
    def id(self) -> str:
        """The answer's id: the one that it is to bear, or the provider's."""
        given, own = self._asked.echo.get("id"), self._started.id
        if isinstance(given, str):
            return given
        return own if self.own and own else f"resp_{own or 'entrepot'}"

    @property
    def echo(self) -> dict[str, Any]:
        """What the gateway says of the answer, whatever the provider does."""
        return self._asked.echo

    def response(
        self,
        status: str,
        output: Sequence[dict[str, Any]] = (),
        *,
        usage: dict[str, Any] | None = None,
        incomplete: str | None = None,
        error: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The whole object."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._started.created or self._created_s,
            "status": status,
            "error": error,
            "incomplete_details": None if incomplete is None else {"reason": incomplete},
            "model": self._started.model,
            "output": list(output),
            **self._said(),
            "usage": usage,
            **self.echo,
        }

    def _said(self) -> dict[str, Any]:
        """The settings of the request as the client gave them."""
        if self._settings is None:
            fields = self._asked.fields if self._asked.dialect == DIALECT else {}
            given = {name: decode_any(fields[name]) for name in _DEFAULTS if name in fields}
            self._settings = {**_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
            self._settings["tools"] = [_tool(tool) for tool in self._settings["tools"]]
            self._settings["store"] = False  # unless the gateway says otherwise (`Asked.echo`)
        return self._settings


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return (
        {"description": None, "parameters": None, "strict": False, **tool} if tool.get("type") == "function" else tool
    )


def state_of(reason: FinishReason, refused: bool) -> tuple[str, str | None]:
    """(status, why it is incomplete) of an answer that ended for this reason; `refused` says that it holds a refusal's words."""
    if reason == "refusal" and not refused:
        reason = "content_filter"
    why = _INCOMPLETE.get(reason)
    return ("completed", None) if why is None else ("incomplete", why)

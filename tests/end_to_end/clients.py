"""The vendors' official SDKs behind one face, so that one test can be put to a client of every dialect.

Rules of this file: nothing but the SDKs speaks to the gateway. A turn of the assistant goes back as the SDK gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import openai

from tests.end_to_end.world import KEY


class Called(NamedTuple):
    """A call as the client's program sees it."""

    id: str
    name: str
    arguments: Any


class User(msgspec.Struct, frozen=True):
    """A turn of the user. `image` is a PNG in base64; `marked`: the prompt up to here may be cached."""

    text: str
    image: str | None = None
    marked: bool = False


class Results(msgspec.Struct, frozen=True):
    """What the functions returned; `image` came with the last of it."""

    said: tuple[tuple[Called, str], ...]
    image: str | None = None


class Back(msgspec.Struct, frozen=True):
    """A turn of the assistant, as its SDK gave it."""

    items: Any


Turn = User | Results | Back


class Tool(NamedTuple):
    """A function that is offered."""

    name: str
    parameters: dict[str, Any]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, whatever the dialect."""

    model: str
    turns: Sequence[Turn]
    stream: bool = False
    system: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    schema: dict[str, Any] | None = None
    stop: tuple[str, ...] = ()
    limit: int = 4000
    thinks: bool = False


class Counted(NamedTuple):
    """Tokens as a client's program adds them up, each kind with everything that belongs to it."""

    read: int
    cache_read: int
    written: int


class Told(msgspec.Struct, frozen=True):
    """What came back. `finish` is `stop`, `length`, `tool_calls` or `refusal`; `back` goes into the next request."""

    text: str
    reasoning: str
    calls: tuple[Called, ...]
    finish: str
    counted: Counted
    back: Back


class BrokenOff(Exception):
    """An SDK that raises nothing for an error in the middle of a stream has handed one on."""


class Client(Protocol):
    """An SDK. `failures` are the errors that it raises for what the gateway says."""

    dialect: str
    failures: tuple[type[Exception], ...]

    def ask(self, ask: Ask) -> Told:
        """Ask and wait, as a program does that knows no asyncio."""
        ...

    async def ask_async(self, ask: Ask) -> Told:
        """The same with the SDK's asynchronous client."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def status_of(error: Exception) -> int | None:
    """The HTTP status that an SDK's error names."""
    return getattr(error, "status_code", None) or getattr(error, "code", None)


class OpenAIBase:
    """What both of OpenAI's dialects have in common."""

    failures: tuple[type[Exception], ...] = (openai.APIError, BrokenOff)

    def __init__(self, base_url: str) -> None:
        self._sync = openai.OpenAI(base_url=base_url, api_key=KEY, max_retries=0)
        self._base_url = base_url

    def _async(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self._base_url, api_key=KEY, max_retries=0)

    def close(self) -> None:
        """Give connections back."""
        self._sync.close()

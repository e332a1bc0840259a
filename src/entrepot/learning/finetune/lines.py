"""An exchange as a line of chat JSONL: `{"messages": [...], "tools": [...]}`, in OpenAI's form for fine-tuning.

Source: developers.openai.com, Supervised fine-tuning, Formatting your data (2026-11-22): messages as chat completions have them,
assistant messages with `weight` 0 or 1, `tools` and `parallel_tool_calls` beside them.

Rules of this file: pure. One line teaches one answer: the last message, and no other of the assistant's, whose `weight` is 0.
`content` is always a text, so that every line has the same types. What is not text (images, sound, files, a provider's own tools)
cannot be looked into and is left out with its whole exchange; so is what does not end of itself. Reasoning is not part of a
message. `developer` is written `system`, which every trainer knows.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Media, Message, Reasoning, Refusal, Request, Text, ToolCall, ToolResult, Unknown
from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat.outgoing import compose
from entrepot.errors import InvalidRequest
from entrepot.ledger.content.record import Said

Line = dict[str, Any]
_ANYWHERE = Target(base_url="", upstream_name="")


class Unfit(Exception):
    """An exchange that makes no line; the text says why, in a few words that are the same for all of their kind."""


def line_of(said: Said) -> Line:
    """The line that teaches this answer. Raises Unfit."""
    request, answer = said.request, _answer_of(said)
    messages = tuple(_plain(message) for message in (*request.messages, answer))
    asked = Request("", messages, request.tools, parallel_tool_calls=request.parallel_tool_calls)
    try:
        wire = msgspec.to_builtins(compose(asked, _ANYWHERE, None))
    except InvalidRequest:
        raise Unfit("what only its own dialect can say") from None
    told = [_told(message) for message in wire["messages"]]
    for earlier in told[:-1]:
        if earlier["role"] == "assistant":
            earlier["weight"] = 0
    line: Line = {"messages": told}
    for name in ("tools", "parallel_tool_calls"):
        if name in wire:
            line[name] = wire[name]
    return line


def taught_by(line: Line) -> str:
    """What the line teaches, as one text: from the last question to the answer. Lines that share it are alike."""
    messages = line["messages"]
    start = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=0)
    return "\n".join(f"{message['content']}{_called(message)}" for message in messages[start:])


def conversation_of(line: Line) -> bytes:
    """What is the same in every exchange of one conversation: everything up to its first question."""
    messages = line["messages"]
    first = next((at for at, message in enumerate(messages) if message["role"] == "user"), len(messages) - 1)
    return msgspec.json.encode(messages[: first + 1])


def earlier_answers(line: Line) -> int:
    """How many answers stand before the one that is taught."""
    return sum(message["role"] == "assistant" for message in line["messages"][:-1])


def _answer_of(said: Said) -> Message:
    if said.answer is None or not said.complete:
        raise Unfit("the answer was not completed")
    if len(said.answer.choices) != 1:
        raise Unfit("several answers")
    (choice,) = said.answer.choices
    if choice.finish_reason not in ("stop", "tool_calls"):
        raise Unfit("the answer did not end of itself")
    if any(isinstance(part, Refusal) for part in choice.parts):
        raise Unfit("the model declined")
    if not any(isinstance(part, ToolCall) or (isinstance(part, Text) and part.text) for part in choice.parts):
        raise Unfit("an empty answer")
    return Message("assistant", choice.parts)


def _plain(message: Message) -> Message:
    """The message without what no line holds. Raises Unfit for what is not text."""
    for part in message.parts:
        inner = part.parts if isinstance(part, ToolResult) else (part,)
        if any(isinstance(each, Media | Unknown) for each in inner):
            raise Unfit("not text alone")
    role = "system" if message.role == "developer" else message.role
    return Message(role, tuple(part for part in message.parts if not isinstance(part, Reasoning)))


def _told(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", part.get("refusal", ""))) for part in content)
    kept = {"role": message["role"], "content": content or message.get("refusal") or ""}
    for name in ("tool_calls", "tool_call_id"):
        if message.get(name):
            kept[name] = message[name]
    return kept


def _called(message: dict[str, Any]) -> str:
    calls = (call["function"] for call in message.get("tool_calls", ()))
    return "".join(f"\n{call['name']}({call['arguments']})" for call in calls)

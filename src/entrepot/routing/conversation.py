"""What a request shows of the conversation that it belongs to: fingerprints by which its next turn is found, and failures.

Rules of this file: pure, and cheap: one hash over the text, of each part a bounded slice. The fingerprint of a turn is that of
everything before the model's answer to it. A later request repeats all of that, then the answer, so it is found again before
its last answers, whatever those say. Left out is what clients rewrite harmlessly: white space at ends, ids of tool calls,
reasoning, cache marks, how text is cut into messages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import msgspec

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)

_MOST_PARENTS = 4
_MOST_TURNS = 64  # in which failures are counted
_LONGEST = 8_192
"""Characters of one part that are read: of a longer one its two ends and its length."""

LEAST_REPEATED = 24  # bytes: "continue" and 继续 are said twice by people whom nothing failed
_SHOWN = 400  # characters of a text in which a complaint or an error shows itself
_COMPLAINT = re.compile(r"\bvalidation (?:errors?|feedback|failed)\b", re.IGNORECASE)
_ERROR = re.compile(
    r"""\s*(?:\w*error\s*[:(]|\w*exception\s*[:(]|traceback\s\(|\{\s*"error"\s*:\s*+(?!null|false|""|0)|(?:错误|失败|异常)\s*[:：])""",
    re.IGNORECASE,
)


class Conversation(msgspec.Struct, frozen=True):
    """One request, read. Fingerprints have 16 bytes.

    `whole` is the fingerprint of all up to the answer that is asked for; `parents` those of the turns before, the latest first.
    `asked` (64 bits) is the same for the same request with the same settings. `turns` counts the answers so far. `open`: the
    request goes on with an answer that has begun: it ends with results of tools, or with what the model said. `bound_to` are the
    dialects whose providers alone can read reasoning that going on needs. `failures` counts how often in a row, up to here,
    what was answered did not do: tools that failed, answers found invalid, the same question again. `marked`: the client says
    itself what is to be cached.
    """

    whole: bytes
    parents: tuple[bytes, ...]
    asked: int
    turns: int
    open: bool
    bound_to: frozenset[str]
    failures: int
    marked: bool


class Turn(msgspec.Struct):
    """What one side says until the other does. `answering` is the model's side."""

    answering: bool
    messages: list[Message]

    def parts(self) -> Iterator[Part]:
        """All that it says."""
        for message in self.messages:
            yield from message.parts


def read_conversation(request: Request, besides: str = "") -> Conversation:
    """What `request` shows. `besides` is what else makes it another request."""
    turns = turns_of(request.messages)
    unfinished = bool(turns) and turns[-1].answering
    answers = [number for number, turn in enumerate(turns) if turn.answering]
    given = set(answers[-_MOST_PARENTS - unfinished : len(answers) - unfinished])
    hasher = hashlib.sha256()
    parents: list[bytes] = []
    whole = b""
    for number, turn in enumerate(turns):
        if number in given:
            parents.append(hasher.digest()[:16])
        if unfinished and number == len(turns) - 1:
            whole = hasher.digest()[:16]
        hasher.update(b"".join([b"%d %b" % (len(piece), piece) for each in turn.messages for piece in _pieces(each)]))
    whole = whole or hasher.digest()[:16]
    hasher.update(_settings(request, besides))
    results = bool(given) and any(isinstance(part, ToolResult) for part in turns[-1].parts())
    goes_on = results or unfinished
    return Conversation(
        whole=whole,
        parents=tuple(reversed(parents)),
        asked=int.from_bytes(hasher.digest()[:8], "big"),
        turns=len(given),
        open=goes_on,
        bound_to=_bound_to(turns) if goes_on else frozenset(),
        failures=_failures(turns[-_MOST_TURNS:]),
        marked=_is_marked(request),
    )


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Who says what, side after side."""
    turns: list[Turn] = []
    for message in messages:
        answering = message.role == "assistant"
        if turns and turns[-1].answering == answering:
            turns[-1].messages.append(message)
        else:
            turns.append(Turn(answering, [message]))
    return turns


def _pieces(message: Message) -> Iterator[bytes]:
    """What of a message is always said again in the same way, each piece with a letter for what it is."""
    side = "s" if message.role in ("system", "developer") else "a" if message.role == "assistant" else "u"
    for part in message.parts:
        if isinstance(part, Text | Refusal):
            text = part.text.strip()
            if text:
                yield _bounded(side, text)
        elif isinstance(part, ToolCall):
            yield _bounded("c", f"{part.name} {_same_json(part.arguments)}")
        elif isinstance(part, ToolResult):
            yield b"r"
            for inner in part.parts:
                if isinstance(inner, Text):
                    yield _bounded("r", inner.text.strip())
                elif isinstance(inner, Media):
                    yield _bounded("m", _source(inner))
        elif isinstance(part, Media):
            yield _bounded("m", _source(part))
        elif isinstance(part, Unknown):
            yield _bounded("x", repr(part.raw))


def _source(media: Media) -> str:
    return f"{media.kind} {media.file_id or media.url or media.data}"


def _bounded(letter: str, text: str) -> bytes:
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{len(text)} {text[:half]}{text[-half:]}"
    return (letter + text).encode("utf-8", "surrogatepass")


def _same_json(arguments: str) -> str:
    """The arguments however the client that kept them writes JSON; as they are where they are none."""
    if len(arguments) > _LONGEST:
        return arguments
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.MsgspecError, ValueError, RecursionError):  # the model wrote something else, or half a character
        return arguments.strip()


def _settings(request: Request, besides: str) -> bytes:
    """What makes the same messages another request."""
    names = tuple(tool.name for tool in request.tools)
    said = (request.n, request.seed, request.temperature, request.top_p, request.max_output_tokens)
    settings = (said, request.reasoning_effort, request.output_format, names, besides)
    return repr(settings).encode("utf-8", "surrogatepass")


def _bound_to(turns: Sequence[Turn]) -> frozenset[str]:
    """Whose sealed reasoning the answer needs that goes on: that said since somebody last asked for something new."""
    bound: set[str] = set()
    for turn in reversed(turns):
        if turn.answering:
            for part in turn.parts():
                if isinstance(part, Reasoning | ToolCall) and part.signature is not None and part.bound_to is not None:
                    bound.add(part.bound_to)
        elif not any(isinstance(part, ToolResult) for part in turn.parts()):
            break
    return frozenset(bound)


_MARKABLE = (Text, ToolResult, Media)


def _is_marked(request: Request) -> bool:
    return any("cache_control" in tool.extra for tool in request.tools) or any(
        "cache_control" in extra
        for message in request.messages
        for extra in (message.extra, *[part.extra for part in message.parts if isinstance(part, _MARKABLE)])
        if extra
    )


def _failures(turns: Sequence[Turn]) -> int:
    """How many of the latest replies to answers, in a row, say that the answer did not do.

    A new question right after tools that failed still counts those: inside their loop nothing could be changed.
    """
    asking = [turn for turn in turns if not turn.answering]
    if turns and not turns[0].answering:
        first, replies = asking[0], asking[1:]
    else:
        first, replies = None, asking
    if len(replies) > 1 and not _fails(replies[-1], replies[-2]) and not results_in(replies[-1]):
        replies = replies[:-1] if results_in(replies[-2]) else []
    count = 0
    for number in range(len(replies) - 1, -1, -1):
        if not _fails(replies[number], replies[number - 1] if number else first):
            break
        count += 1
    return count


def _fails(reply: Turn, before: Turn | None) -> bool:
    results = results_in(reply)
    if results:
        return all(is_error(result) for result in results)
    text = text_in(reply)
    if complains(text):
        return True
    if before is None or results_in(before) or len(text[:LEAST_REPEATED].encode("utf-8", "replace")) < LEAST_REPEATED:
        return False
    said_before = text_in(before)
    return len(text) == len(said_before) and text.casefold() == said_before.casefold()


def complains(text: str) -> bool:
    """Whether it begins as what a client's own validation says of an answer."""
    return _COMPLAINT.search(text[:_SHOWN]) is not None


def results_in(turn: Turn) -> list[ToolResult]:
    """What tools answered."""
    return [part for part in turn.parts() if isinstance(part, ToolResult)]


def text_in(turn: Turn) -> str:
    """What the user says."""
    return "\n".join(message.text() for message in turn.messages if message.role == "user").strip()


def is_error(result: ToolResult) -> bool:
    """Whether a tool says that it failed."""
    if result.is_error:
        return True
    shown = next((part.text[:_SHOWN] for part in result.parts if isinstance(part, Text)), "")
    return _ERROR.match(shown) is not None or _COMPLAINT.search(shown) is not None

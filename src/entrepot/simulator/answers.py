"""From a request and what a model has to say to a whole reply: tools, JSON, limits, and what is billed.

Rules of this file: pure; the same request to the same model gives the same reply, but for the prefix cache, which is given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import CacheMark, Heard, OfferedTool
from entrepot.simulator.plan import StandInModel
from entrepot.simulator.said import Call, Reply, Said
from entrepot.simulator.schema_values import value_for
from entrepot.simulator.tokens import count_tokens, split_tokens

_CACHE_FROM_TOKENS = 1024  # as OpenAI: shorter prompts are not cached,
_CACHE_BLOCK_TOKENS = 128  # and longer ones in blocks of this size
_EFFORT = {"none": 0.0, "minimal": 0.25, "low": 0.5, "medium": 1.0, "high": 2.0, "xhigh": 4.0, "max": 4.0}


REFUSAL = "I cannot help with that. 我不能回答。"


class Thought(msgspec.Struct, frozen=True):
    """What a model has to say to a prompt: the text, and the bare answer in it.

    `input_tokens` and `output_tokens` are recorded counts, None where the simulator's own tokenizer counts. `effort` scales
    the model's typical number of reasoning tokens. `mean_logprob` is how sure it is of its words: the mean log-probability of
    their tokens, None where nobody knows.
    """

    text: str
    answer: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    effort: float = 1.0
    mean_logprob: float | None = None


class Mind(Protocol):
    """Where a stand-in model's answers come from."""

    def think(self, prompt: str, sample: int) -> Thought:
        """Answer `prompt`; `sample` counts the `n` choices of one request from 0."""
        ...


class Echo:
    """Says that it does not know the prompt, and repeats its beginning: for models with neither skill nor recording."""

    def think(self, prompt: str, sample: int) -> Thought:
        """Repeat the first words of the prompt."""
        words = " ".join(prompt.split())[:200]
        again = f" ({sample + 1})" if sample else ""
        return Thought(f"This is a simulated answer{again}. You wrote: {words}", words)


class PrefixCache:
    """Which beginnings of requests a provider has seen: it bills them as cache reads."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def read(self, model: str, text: str) -> int:
        """How many tokens of `text` were cached; afterwards all its whole blocks are."""
        tokens = split_tokens(text)
        if len(tokens) < _CACHE_FROM_TOKENS:
            return 0
        digest = hashlib.sha256(model.encode())
        cached = 0
        for end in range(_CACHE_BLOCK_TOKENS, len(tokens) + 1, _CACHE_BLOCK_TOKENS):
            digest.update("".join(tokens[end - _CACHE_BLOCK_TOKENS : end]).encode("utf-8", "surrogatepass"))
            key = digest.digest()
            if key in self._seen:
                cached = end
            self._seen.add(key)
        return cached if cached >= _CACHE_FROM_TOKENS else 0

    def mark(self, model: str, text: str, marks: Sequence[CacheMark]) -> tuple[int, int, int]:
        """(read, written, of them for an hour): how many tokens of `text` were cached at one of its marks, and are from now on.

        As Anthropic: the longest beginning that is marked and was seen is read; what follows up to the last mark is written.
        Marks come in their order, those for an hour first.
        """
        read = written_to = hour_to = 0
        for each in marks:
            end = count_tokens(text[: each.characters])
            if end < _CACHE_FROM_TOKENS:
                continue
            key = hashlib.sha256(f"{model}|{text[: each.characters]}".encode("utf-8", "surrogatepass")).digest()
            if key in self._seen:
                read = end
            self._seen.add(key)
            written_to = end
            hour_to = end if each.ttl == "1h" else hour_to
        return read, written_to - read, max(0, hour_to - read)


def compose(request: Heard, model: StandInModel, mind: Mind, cache: PrefixCache, id: str, created: int) -> Reply:
    """The reply of `model` to `request`."""
    thoughts = [mind.think(request.prompt, sample) for sample in range(request.n)]
    typical = model.reasoning_tokens * _EFFORT.get(request.reasoning_effort or "medium", 1.0)
    choices, written, reasoning = [], 0, 0
    for number, thought in enumerate(thoughts):
        said, length = _say(request, thought, f"{id}-{number}")
        reasoned = round(typical * thought.effort)
        if request.max_reasoning_tokens is not None:
            reasoned = min(reasoned, request.max_reasoning_tokens)
        thoughts_text = _reasoning_text(reasoned)
        shown = thoughts_text if model.shows_reasoning and request.shows_reasoning else ""
        choices.append(
            msgspec.structs.replace(said, reasoning=shown, thought=thoughts_text, mean_logprob=thought.mean_logprob)
        )
        written += length
        reasoning += reasoned
    recorded = thoughts[0].input_tokens
    read = count_tokens(request.read) if recorded is None else recorded
    cached = stored = hour = 0
    if recorded is None and request.marks is not None:
        cached, stored, hour = cache.mark(model.name, request.read, request.marks)
    elif recorded is None:
        cached = cache.read(model.name, request.read)
    tokens = Tokens(read - cached - stored, cached, written, reasoning, stored, hour)
    return Reply(id, model.name, created, tuple(choices), tokens)


def _say(request: Heard, thought: Thought, seed: str) -> tuple[Said, int]:
    if _REFUSED.search(request.prompt):
        return Said(REFUSAL, finish_reason="refusal"), count_tokens(REFUSAL)
    called = () if request.tool_results else _tools_to_call(request)
    if called:
        calls = tuple(
            Call(_call_id(f"{seed}-{number}"), tool.name, _arguments(tool, thought.answer))
            for number, tool in enumerate(called)
        )
        return Said("", calls, "tool_calls"), sum(
            count_tokens(call.name) + count_tokens(call.arguments) for call in calls
        )
    text, recorded = thought.text, thought.output_tokens
    if request.tool_results:
        text, recorded = "The tool returned: " + "; ".join(request.tool_results), None
    elif request.format == "json_object":
        text, recorded = _json_text({"answer": thought.answer}), None
    elif request.format == "json_schema":
        text, recorded = _json_text(value_for(request.schema or {}, thought.answer)), None
    return _limited(text, recorded, request)


def _limited(text: str, recorded: int | None, request: Heard) -> tuple[Said, int]:
    stopped_by = None
    for stop in request.stop:
        if stop and stop in text:
            text, recorded, stopped_by = text[: text.index(stop)], None, stop
    tokens = split_tokens(text)
    limit = request.max_tokens
    if recorded is not None:
        if limit is None or recorded <= limit:
            return Said(text), recorded
        kept = len(tokens) * limit // max(1, recorded)
        return Said("".join(tokens[:kept]), finish_reason="length"), limit
    if limit is None or len(tokens) <= limit:
        return Said(text, stopped_by=stopped_by), len(tokens)
    return Said("".join(tokens[:limit]), finish_reason="length"), limit


def _tools_to_call(request: Heard) -> list[OfferedTool]:
    """The tools that the request demands, or that its prompt asks for in words."""
    if request.tool_choice == "none" or not request.tools:
        return []
    by_name = {tool.name: tool for tool in request.tools}
    if request.tool_choice in by_name:
        return [by_name[request.tool_choice]]
    asked = [by_name[name] for name in _ASKED.findall(request.prompt) if name in by_name]
    if not asked and request.tool_choice == "required":
        return [request.tools[0]]
    return asked if request.parallel_calls else asked[:1]


def _arguments(tool: OfferedTool, answer: str) -> str:
    value = value_for(tool.parameters, answer)
    return _json_text(value if isinstance(value, dict) else {})


_REFUSED = re.compile(r"refuse to answer|拒绝回答", re.IGNORECASE)
_ASKED = re.compile(r"(?:call the tool|调用工具)\s*[「“\"'`]?([\w-]+)", re.IGNORECASE | re.ASCII)


def _call_id(seed: str) -> str:
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:24]


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _reasoning_text(tokens: int) -> str:
    period = split_tokens(" Let me think this through once more.")
    return "".join((period * (tokens // len(period) + 1))[:tokens])

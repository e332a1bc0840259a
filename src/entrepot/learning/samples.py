"""Samples that other tools have judged: one prompt, one model's answer, one score, whatever tool the file is of.

Rules of this file: a file says by its form whose it is, or is refused; nothing is made up. A sample without a score is missing,
not wrong. An exchange is named by whoever ran the tool, in the sample's metadata, by the header's own name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from entrepot.learning.outcome_rows import OutcomeRow, PromptRow

Kind = Literal["inspect", "promptfoo", "lm-eval"]
EXCHANGE_NAMES = ("x-entrepot-exchange", "entrepot_exchange")
_DEPTH = 6


class Sample(msgspec.Struct, frozen=True):
    """One answer that was judged. `score` is in [0, 1]; `by` is the tool's name of what judged it; `at` is ISO 8601, or empty."""

    kind: Kind
    task: str
    id: str
    prompt: str
    model: str
    score: float
    by: str
    answer: str = ""
    key: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    duration_ms: float = 0.0
    at: str = ""
    exchange: str | None = None

    @property
    def prompt_id(self) -> str:
        """What tells the prompt from others, also of another file's task of that name."""
        return f"{self.task}/{self.id}/{hashlib.sha256(self.prompt.encode('utf-8', 'replace')).hexdigest()[:8]}"

    @property
    def at_ns(self) -> int | None:
        """When it was had, nanoseconds since 1970; None where nobody said, or did not say where on Earth."""
        try:
            moment = datetime.fromisoformat(self.at)
        except ValueError:
            return None
        return None if moment.tzinfo is None else round(moment.timestamp() * 1e9)


class Read(msgspec.Struct, frozen=True):
    """What a file holds: its samples, and how many of them nobody judged."""

    kind: Kind
    samples: tuple[Sample, ...]
    unjudged: int = 0


def score_of(value: object) -> float | None:
    """A score in [0, 1] as tools write it, letters as Inspect does; None where it is none."""
    if isinstance(value, str):
        return {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}.get(value)
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    return None


def exchange_in(value: object, depth: int = _DEPTH) -> str | None:
    """The id of an exchange that stands somewhere in this, by the name of its header."""
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        for name, told in value.items():
            if str(name).lower() in EXCHANGE_NAMES and isinstance(told, str) and len(told) == 36:
                return told.lower()
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    if depth == 0:
        return None
    return next((found for each in inner if (found := exchange_in(each, depth - 1)) is not None), None)


def said_in(messages: object) -> str:
    """The text of a prompt: itself, or what the messages say that are not the system's."""
    if isinstance(messages, str):
        return messages
    if not isinstance(messages, Sequence):
        return ""
    said = [
        _content(message.get("content"))
        for message in messages
        if isinstance(message, Mapping) and message.get("role") not in ("system", "developer")
    ]
    return "\n\n".join(text for text in said if text)


def said_in_text(text: str) -> str:
    """The text of a prompt that may be the JSON of messages."""
    if not text.lstrip().startswith("["):
        return text
    try:
        return said_in(msgspec.json.decode(text.encode("utf-8", "replace"))) or text
    except msgspec.MsgspecError:
        return text


def whole(value: object) -> int:
    """A count of tokens; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def rows_of(samples: Sequence[Sample]) -> tuple[list[OutcomeRow], list[PromptRow]]:
    """The samples as outcome and prompt files hold them."""
    outcomes = [
        OutcomeRow(
            benchmark=one.task,
            prompt_id=one.prompt_id,
            model=one.model,
            correct=one.score,
            answer=one.answer,
            input_tokens=one.input_tokens,
            output_tokens=one.output_tokens,
            deployment="",
            cost_usd=None,
            duration_ms=one.duration_ms,
            graded_by=f"{one.kind}: {one.by}",
            exchange=one.exchange or "",
            at=one.at,
        )
        for one in samples
    ]
    prompts = {one.prompt_id: one for one in samples}
    return outcomes, [
        PromptRow(id_, one.task, "", "", one.prompt, one.key, one.input_tokens or len(one.prompt) // 4)
        for id_, one in prompts.items()
    ]


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and part.get("text"))

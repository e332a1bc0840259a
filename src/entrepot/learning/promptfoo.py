"""Results of promptfoo (`promptfoo eval -o results.json`, https://www.promptfoo.dev/docs/configuration/outputs)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from entrepot.errors import DataError
from entrepot.learning.samples import Read, Sample, exchange_in, said_in, score_of, whole


def is_results(document: object) -> bool:
    """Whether a JSON document is such a file."""
    results = document.get("results") if isinstance(document, Mapping) else None
    return isinstance(results, Mapping) and isinstance(results.get("results"), list)


def parse_results(document: Mapping[str, Any], path: Path, metric: str | None = None) -> Read:
    """The results. `metric` is one of `namedScores`; by default the score of all assertions. Raises DataError."""
    run = document["results"]
    samples, unjudged = [], 0
    for told in run["results"]:
        if not isinstance(told, Mapping):
            raise DataError(f"{path}: a result is no object; was this written by promptfoo?")
        score = score_of(told.get("score") if metric is None else (told.get("namedScores") or {}).get(metric))
        response = told.get("response") or {}
        if score is None or not isinstance(response, Mapping) or "output" not in response:
            unjudged += 1  # an error of the provider is nobody's wrong answer
            continue
        provider, tokens, case = (
            told.get("provider") or {},
            response.get("tokenUsage") or {},
            told.get("testCase") or {},
        )
        samples.append(
            Sample(
                kind="promptfoo",
                task=str(case.get("description") or document.get("evalId") or "promptfoo"),
                id=f"{told.get('promptIdx', 0)}.{told.get('testIdx', 0)}",
                prompt=_prompt(told.get("prompt")),
                model=str((provider.get("label") or provider.get("id")) if isinstance(provider, Mapping) else provider),
                score=score,
                by=metric or "assertions",
                answer=_text(response["output"]),
                input_tokens=whole(tokens.get("prompt")),
                output_tokens=whole(tokens.get("completion")),
                duration_ms=float(told.get("latencyMs") or 0.0),
                at=_moment(run.get("timestamp")),
                exchange=exchange_in([told.get("metadata"), response, case.get("metadata"), told.get("vars")]),
            )
        )
    return Read("promptfoo", tuple(samples), unjudged)


def _prompt(prompt: object) -> str:
    """A prompt is a text, which may be the JSON of messages."""
    raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
    text = _text(raw)
    if not text.lstrip().startswith("["):
        return text
    try:
        return said_in(msgspec.json.decode(text.encode())) or text
    except msgspec.MsgspecError:
        return text


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _moment(value: object) -> str:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    return "" if value is None else str(value)

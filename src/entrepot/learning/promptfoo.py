"""Results of promptfoo (`promptfoo eval -o results.json`, https://www.promptfoo.dev/docs/configuration/outputs).

Rules of this file: a test without an assertion has score 1 there, and was judged by nobody. An answer that came through a gateway
of ours carries its headers: of which exchange it is, and which model answered, whatever the provider is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from entrepot.errors import DataError
from entrepot.learning.samples import Read, Sample, exchange_in, said_in_text, score_of, whole


def is_results(document: object) -> bool:
    """Whether a JSON document is such a file."""
    results = document.get("results") if isinstance(document, Mapping) else None
    return isinstance(results, Mapping) and isinstance(results.get("results"), list)


def is_line(line: object) -> bool:
    """Whether a line of a JSON Lines file is a result (`-o results.jsonl`)."""
    return isinstance(line, Mapping) and "promptIdx" in line and "testCase" in line


def parse_lines(lines: Sequence[Mapping[str, Any]], path: Path, metric: str | None = None) -> Read:
    """The results, one a line: without the name of the eval, and when it was. Raises DataError."""
    return parse_results({"results": {"results": lines}}, path, metric)


def parse_results(document: Mapping[str, Any], path: Path, metric: str | None = None) -> Read:
    """The results. `metric` is one of `namedScores`; by default the score of all assertions. Raises DataError."""
    run, config = document["results"], document.get("config")
    description = config.get("description") if isinstance(config, Mapping) else None
    samples, unjudged = [], 0
    for told in run["results"]:
        if not isinstance(told, Mapping):
            raise DataError(f"{path}: a result is no object; was this written by promptfoo?")
        score = score_of(told.get("score") if metric is None else (told.get("namedScores") or {}).get(metric))
        response = told.get("response") or {}
        case = told.get("testCase") or {}
        if score is None or not isinstance(response, Mapping) or "output" not in response or _is_unasserted(told, case):
            unjudged += 1  # an error of the provider is nobody's wrong answer
            continue
        provider, tokens = told.get("provider") or {}, response.get("tokenUsage") or {}
        named = (provider.get("label") or provider.get("id")) if isinstance(provider, Mapping) else provider
        samples.append(
            Sample(
                kind="promptfoo",
                task=str(description or document.get("evalId") or "promptfoo"),
                id=f"{told.get('promptIdx', 0)}.{told.get('testIdx', 0)}",
                prompt=_prompt(told.get("prompt")),
                model=_header(response, "x-entrepot-model") or str(named),
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


def _is_unasserted(told: Mapping[str, Any], case: Mapping[str, Any]) -> bool:
    """Whether there was nothing to hold the answer to: no assertion of its own, and no component that was graded."""
    graded = told.get("gradingResult")
    return case.get("assert") == [] and not (isinstance(graded, Mapping) and graded.get("componentResults"))


def _header(response: Mapping[str, Any], name: str) -> str:
    """A header of the answer, '' where there is none."""
    at: object = response
    for key in ("metadata", "http", "headers", name):
        at = at.get(key) if isinstance(at, Mapping) else None
    return at if isinstance(at, str) else ""


def _prompt(prompt: object) -> str:
    """A prompt is a text, which may be the JSON of messages."""
    raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
    return said_in_text(_text(raw))


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _moment(value: object) -> str:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    return "" if value is None else str(value)

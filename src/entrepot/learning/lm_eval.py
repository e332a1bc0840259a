"""Samples of lm-evaluation-harness (`--log_samples`): JSON Lines, one a document and filter.

Rules of this file: the file does not say which model answered; whoever reads it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entrepot.errors import DataError
from entrepot.learning.samples import Read, Sample, exchange_in, said_in, said_in_text, score_of

_NAME = re.compile(r"samples_(?P<task>.+)_\d{4}-\d\d-\d\dT.+")


def is_line(line: object) -> bool:
    """Whether a line of a file is such a sample."""
    return isinstance(line, Mapping) and "doc_id" in line and "arguments" in line


def parse_samples(lines: Sequence[Mapping[str, Any]], path: Path, model: str | None, metric: str | None = None) -> Read:
    """The samples of `model`. `metric` is one of theirs, by default a sample's first; of several filters the file's first counts.

    Raises DataError.
    """
    if model is None:
        raise DataError(f"{path} does not say which model answered; say so with --model")
    named = _NAME.fullmatch(path.stem)
    task = named["task"] if named else path.stem
    samples, unjudged, kept = [], 0, None
    for told in lines:
        if kept is None:
            kept = told.get("filter")
        if told.get("filter") != kept:
            continue
        by = metric or next(iter(told.get("metrics") or ()), "")
        score = score_of(told.get(by))
        if score is None:
            unjudged += 1
            continue
        samples.append(
            Sample(
                kind="lm-eval",
                task=task,
                id=str(told["doc_id"]),
                prompt=_prompt(told["arguments"]),
                model=model,
                score=score,
                by=by,
                answer=_answer(told),
                key="" if told.get("target") is None else str(told["target"]),
                exchange=exchange_in(told.get("doc")),
            )
        )
    return Read("lm-eval", tuple(samples), unjudged)


def _prompt(arguments: object) -> str:
    """The first request's first argument: `{"gen_args_0": {"arg_0": …}}`, before 2025 `[[…, …]]`.

    With `--apply_chat_template` of a model behind an API that is a list with one text, the JSON of messages.
    """
    first = next(iter(arguments.values()), None) if isinstance(arguments, Mapping) else _first(arguments)
    prompt = first.get("arg_0") if isinstance(first, Mapping) else _first(first)
    if isinstance(prompt, list) and prompt and all(isinstance(part, str) for part in prompt):
        prompt = prompt[0]
    if isinstance(prompt, str):
        return said_in_text(prompt)
    return said_in(prompt)


def _answer(told: Mapping[str, Any]) -> str:
    """What the filter left of the answer; of choices weighed by likelihood there is none."""
    first = _first(told.get("filtered_resps"))
    return first if isinstance(first, str) else ""


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None

"""A file of samples, whosever it is: told apart by its ending and its form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from entrepot.errors import DataError
from entrepot.learning import inspect_log, lm_eval, promptfoo
from entrepot.learning.samples import Read

_KNOWN = "a log of Inspect (.eval or .json), results of promptfoo (.json, .jsonl) or samples of lm-evaluation-harness (.jsonl)"


def read_samples(path: Path, model: str | None = None, metric: str | None = None) -> Read:
    """What the file holds. `model` takes the place of what it calls the model, `metric` that of its first score.

    Raises DataError.
    """
    found = _read(path, model, metric)
    if not found.samples:
        told = "" if metric is None else f" by '{metric}'"
        raise DataError(f"{path} holds no sample that was judged{told}, of {found.unjudged:,}")
    if model is None:
        return found
    return msgspec.structs.replace(
        found, samples=tuple(msgspec.structs.replace(one, model=model) for one in found.samples)
    )


def _read(path: Path, model: str | None, metric: str | None) -> Read:
    if path.suffix == ".eval":
        return inspect_log.read_eval(path, metric)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if path.suffix in (".jsonl", ".ndjson"):
        lines = [
            _decode(line, f"{path}, line {number}") for number, line in enumerate(data.splitlines(), 1) if line.strip()
        ]
        if lines and all(lm_eval.is_line(line) for line in lines):
            return lm_eval.parse_samples(lines, path, model, metric)
        if lines and all(promptfoo.is_line(line) for line in lines):
            return promptfoo.parse_lines(lines, path, metric)
        raise DataError(f"{path} is none of: {_KNOWN}")
    document = _decode(data, str(path))
    if inspect_log.is_log(document):
        return inspect_log.parse_log(document, path, metric)
    if promptfoo.is_results(document):
        return promptfoo.parse_results(document, path, metric)
    raise DataError(f"{path} is none of: {_KNOWN}")


def _decode(data: bytes, where: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{where} is not JSON: {error}") from error

"""Stand-ins that repeat what real models were recorded to answer.

Reads a folder of outcome files (`*_prompts.parquet`, `*_outcomes.parquet` and, where full texts were kept,
`*_outputs.parquet`). Where only the extracted answer was kept, a short JSON text is made of it; token counts are always the
recorded ones. Reading Parquet needs the `learn` extra.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from entrepot.errors import DataError, ExtraMissing
from entrepot.simulator.answers import Thought
from entrepot.simulator.heard import WireError
from entrepot.simulator.tasks import fingerprint


class RecordedPrompt(msgspec.Struct, frozen=True):
    """A prompt of an outcome matrix. `answer_key` is the column that the files call `reference`."""

    id: str
    benchmark: str
    category: str
    text: str
    answer_key: str


class RecordedAnswer(msgspec.Struct, frozen=True):
    """What a model answered. `text` is None where only the extracted `answer` was kept."""

    correct: bool
    answer: str | None
    text: str | None
    input_tokens: int
    output_tokens: int


class Recording:
    """All prompts and answers of a folder. `answers` is by prompt id, then by model."""

    def __init__(self, prompts: dict[str, RecordedPrompt], answers: dict[str, dict[str, RecordedAnswer]]) -> None:
        self.prompts = prompts
        self.answers = answers
        self._by_text = {fingerprint(prompt.text): prompt.id for prompt in prompts.values()}

    def find(self, prompt: str) -> RecordedPrompt | None:
        """The recorded prompt with this text; None if there is none."""
        found = self._by_text.get(fingerprint(prompt))
        return None if found is None else self.prompts[found]


class Replayer:
    """Repeats the answers of one recorded model. A prompt that it has no answer to is an error 404, not a wrong answer."""

    def __init__(self, recording: Recording, model: str) -> None:
        if not any(model in answers for answers in recording.answers.values()):
            raise DataError(f"the outcomes hold no answer of a model '{model}'; check its spelling against the files")
        self._recording = recording
        self._model = model

    def think(self, prompt: str, sample: int) -> Thought:  # noqa: ARG002 - there is one recording of each answer
        """The recorded answer to `prompt`. Raises WireError (404) if there is none."""
        found = self._recording.find(prompt)
        recorded = None if found is None else self._recording.answers[found.id].get(self._model)
        if recorded is None:
            raise WireError(404, f"no answer of {self._model} to this prompt was recorded", code="not_recorded")
        text = recorded.text
        if text is None:
            text = msgspec.json.encode({"answer": recorded.answer}).decode()
        return Thought(text, recorded.answer or "", recorded.input_tokens, recorded.output_tokens)


def load_recording(directory: Path, benchmark: str | None = None) -> Recording:
    """Read a folder; `benchmark` limits it to the files that begin with this name (`zeroeval`, `mmlupro`).

    Raises ExtraMissing without pyarrow, DataError if there is nothing to read or a column is missing.
    """
    prompts: dict[str, RecordedPrompt] = {}
    answers: dict[str, dict[str, RecordedAnswer]] = {}
    found = sorted(directory.glob(f"{benchmark or '*'}_prompts.parquet"))
    if not found:
        raise DataError(
            f"{directory} holds no {benchmark or '*'}_prompts.parquet: give the folder of the outcome files"
        )
    for path in found:
        stem = path.name.removesuffix("_prompts.parquet")
        outcomes = directory / f"{stem}_outcomes.parquet"
        outputs = directory / f"{stem}_outputs.parquet"
        for row in _rows(path, ("prompt_id", "benchmark", "category", "prompt", "reference")):
            prompts[row["prompt_id"]] = RecordedPrompt(
                row["prompt_id"], row["benchmark"], row["category"] or "", row["prompt"], row["reference"]
            )
            answers[row["prompt_id"]] = {}
        texts: dict[tuple[str, str], str] = {}
        if outputs.exists():
            for row in _rows(outputs, ("prompt_id", "model", "output")):
                texts[row["prompt_id"], row["model"]] = row["output"]
        columns = ("prompt_id", "model", "correct", "answer", "input_tokens", "output_tokens")
        for row in _rows(outcomes, columns):
            text = texts.get((row["prompt_id"], row["model"]))
            answers.setdefault(row["prompt_id"], {})[row["model"]] = RecordedAnswer(
                row["correct"], row["answer"], text, row["input_tokens"], row["output_tokens"]
            )
    return Recording(prompts, answers)


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ExtraMissing("reading outcome files (Parquet)", "learn") from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=list(columns)).to_pylist()
    except (OSError, ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as an outcome file with the columns {', '.join(columns)}: {error}"
        ) from error
    return rows

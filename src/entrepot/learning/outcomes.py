"""Outcome, prompt and price files: Parquet (with the `learn` extra) or JSON Lines, by the file's ending.

Rules of this file: a pair of prompt and model without a row is missing, not wrong. A malformed row is a DataError that
names file, column and row (from 1); nothing is repaired silently.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, ExtraMissing
from entrepot.routing.base import Outcomes, Prompt
from entrepot.routing.confidence import LEAST_LOGPROB

Column = list[Any]


class Dataset(msgspec.Struct, frozen=True, eq=False):
    """Outcomes, and what files say of their prompts: parallel to `outcomes.prompts`.

    `answers` are parallel to the outcomes: what each model answered, None where it gave nothing or the files do not say.
    Where the files do not say what is right, and were read so, `outcomes.correct` is NaN. `dates` are parallel to the prompts:
    the last time at which one of their outcomes was had, as ISO 8601, empty where no file says. `mean_logprobs` are parallel to
    the outcomes: of the answer's tokens, NaN where no file says; empty where none says any.
    """

    outcomes: Outcomes
    prompt_ids: tuple[str, ...]
    benchmarks: tuple[str, ...]
    categories: tuple[str, ...]
    answers: tuple[str | None, ...] = ()
    dates: tuple[str, ...] = ()
    mean_logprobs: tuple[float, ...] = ()

    def only(self, prompts: NDArray[np.intp]) -> Dataset:
        """The same with these prompts alone, renumbered in the order given."""
        number = np.full(len(self.prompt_ids), -1, np.int32)
        number[prompts] = np.arange(len(prompts), dtype=np.int32)
        kept = number[self.outcomes.prompt] >= 0
        outcomes = self.outcomes
        return Dataset(
            outcomes=Outcomes(
                prompts=tuple(outcomes.prompts[i] for i in prompts),
                models=outcomes.models,
                prompt=number[outcomes.prompt][kept],
                model=outcomes.model[kept],
                correct=outcomes.correct[kept],
                output_tokens=outcomes.output_tokens[kept],
                weight=outcomes.weight[kept],
            ),
            prompt_ids=tuple(self.prompt_ids[i] for i in prompts),
            benchmarks=tuple(self.benchmarks[i] for i in prompts),
            categories=tuple(self.categories[i] for i in prompts),
            answers=tuple(self.answers[i] for i in np.flatnonzero(kept)) if self.answers else (),
            dates=tuple(self.dates[i] for i in prompts) if self.dates else (),
            mean_logprobs=tuple(self.mean_logprobs[i] for i in np.flatnonzero(kept)) if self.mean_logprobs else (),
        )

    def answered(self) -> Dataset:
        """Only the prompts that some model answered: prompt files may hold more, which nobody may learn from."""
        return self.only(np.unique(self.outcomes.prompt).astype(np.intp))

    def without(self, rows: NDArray[np.intp]) -> Dataset:
        """The same prompts without these outcomes, and without models that have none left."""
        kept = np.ones(len(self.outcomes.correct), bool)
        kept[rows] = False
        outcomes = msgspec.structs.replace(
            self.outcomes,
            **{n: getattr(self.outcomes, n)[kept] for n in ("prompt", "model", "correct", "output_tokens", "weight")},
        )
        left, model = np.unique(outcomes.model, return_inverse=True)
        outcomes = msgspec.structs.replace(
            outcomes, models=tuple(outcomes.models[i] for i in left), model=model.astype(np.int32)
        )
        answers = tuple(self.answers[i] for i in np.flatnonzero(kept)) if self.answers else ()
        told = tuple(self.mean_logprobs[i] for i in np.flatnonzero(kept)) if self.mean_logprobs else ()
        return msgspec.structs.replace(self, outcomes=outcomes, answers=answers, mean_logprobs=told)

    def held_back(self, model: str, labels: int, seed: int) -> Dataset:
        """Without the outcomes of `model` but `labels` of them, drawn by chance: files are often sorted by benchmark.

        Raises DataError if it has fewer.
        """
        models = self.outcomes.models
        of_model = np.flatnonzero(self.outcomes.model == (models.index(model) if model in models else -1))
        if len(of_model) < labels:
            raise DataError(f"the new model '{model}' has {len(of_model):,} outcomes to learn from, and not {labels:,}")
        return self.without(np.random.default_rng(seed).permutation(of_model)[labels:])

    def halves(self, seed: int) -> tuple[Dataset, Dataset]:
        """The prompts split in two at random; those with the same words stay together, or one half would know the other's."""
        groups: dict[str, int] = {}
        group = np.array([groups.setdefault(_words(p.text), len(groups)) for p in self.outcomes.prompts], np.intp)
        first = np.zeros(len(groups), bool)
        first[np.random.default_rng(seed).permutation(len(groups))[: len(groups) // 2]] = True
        return self.only(np.flatnonzero(first[group])), self.only(np.flatnonzero(~first[group]))


def _words(text: str) -> str:
    """What two prompts have in common that differ in case, punctuation and white space only; all of a text without words."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


class ListPrice(msgspec.Struct, frozen=True):
    """US dollars per million tokens."""

    input_usd_per_mtok: str
    output_usd_per_mtok: str


def read_dataset(outcome_files: Sequence[Path], prompt_files: Sequence[Path], *, graded: bool = True) -> Dataset:
    """Read and join. Raises DataError, and ExtraMissing for Parquet without the `learn` extra.

    With `graded` false the column `correct` may be absent.
    """
    prompts: list[Prompt] = []
    ids: dict[str, int] = {}
    benchmarks: list[str] = []
    categories: list[str] = []
    for path in prompt_files:
        table = _read(path, required=("prompt_id", "prompt"), optional=("benchmark", "category", "input_tokens"))
        texts = _texts(table, "prompt", path)
        lengths = _numbers(table, "input_tokens", path, low=0).tolist()
        here: set[str] = set()
        for row, prompt_id in enumerate(_texts(table, "prompt_id", path)):
            length = lengths[row]
            prompt = Prompt(text=texts[row], input_tokens=len(texts[row]) // 4 if np.isnan(length) else int(length))
            known = ids.get(prompt_id)
            if prompt_id in here:
                raise DataError(f"{path}: column prompt_id, row {row + 1}: '{prompt_id}' is there twice")
            here.add(prompt_id)
            if known is not None:  # files of prompts may overlap, as long as they say the same
                if prompts[known].text != prompt.text:
                    what = f"'{prompt_id}' is another prompt in a file named before"
                    raise DataError(f"{path}: column prompt_id, row {row + 1}: {what}; give one of them another id")
                continue
            ids[prompt_id] = len(ids)
            prompts.append(prompt)
            benchmarks.append(str(table["benchmark"][row] or ""))
            categories.append(str(table["category"][row] or ""))
    outcomes, answers, dates, told = _read_outcomes(outcome_files, tuple(prompts), ids, graded)
    return Dataset(outcomes, tuple(ids), tuple(benchmarks), tuple(categories), answers, dates, told)


def _read_outcomes(
    paths: Sequence[Path], prompts: tuple[Prompt, ...], ids: Mapping[str, int], graded: bool
) -> tuple[Outcomes, tuple[str | None, ...], tuple[str, ...], tuple[float, ...]]:
    models: dict[str, int] = {}
    answers: list[str | None] = []
    likely: list[float] = []
    dates = [""] * len(prompts)
    columns: list[tuple[NDArray[np.int32], NDArray[np.int32], Any, Any, Any]] = []
    for path in paths:
        named, told = ("prompt_id", "model"), ("output_tokens", "weight", "answer", "at", "mean_logprob")
        table = (
            _read(path, required=(*named, "correct"), optional=told)
            if graded
            else _read(path, required=named, optional=(*told, "correct"))
        )
        about = _texts(table, "prompt_id", path)
        prompt = np.array([ids.get(name, -1) for name in about], np.int32)
        if (prompt < 0).any():
            row = int(np.argmax(prompt < 0))
            raise DataError(
                f"{path}: column prompt_id, row {row + 1}: '{about[row]}' is in none of the prompt files; name its file too"
            )
        model = np.array([models.setdefault(name, len(models)) for name in _texts(table, "model", path)], np.int32)
        told_right = graded or any(value is not None for value in table["correct"])  # of all rows, or of none
        correct = _numbers(table, "correct", path, low=0, high=1, needed=told_right)
        answers.extend(None if answer is None else str(answer) for answer in table["answer"])
        likely.extend(_numbers(table, "mean_logprob", path, low=LEAST_LOGPROB, high=0).tolist())
        for number, at in zip(prompt.tolist(), table["at"], strict=True):
            dates[number] = max(dates[number], _moment(at))
        tokens = _numbers(table, "output_tokens", path, low=0)
        weight = _numbers(table, "weight", path, low=0)
        columns.append((prompt, model, correct, np.nan_to_num(tokens, nan=-1), np.nan_to_num(weight, nan=1)))
    if not columns or not sum(len(column[0]) for column in columns):
        raise DataError(f"no outcomes in {', '.join(map(str, paths)) or 'no files'}")
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    outcomes = Outcomes(prompts, tuple(models), joined[0], joined[1], joined[2], joined[3], joined[4])
    return outcomes, tuple(answers), tuple(dates), () if np.isnan(likely).all() else tuple(likely)


def _moment(value: object) -> str:
    """A moment as text that sorts by time, as far as files write all of theirs alike; empty where there is none."""
    return "" if value is None else str(value.isoformat() if hasattr(value, "isoformat") else value)


def read_prices(path: Path) -> Mapping[str, ListPrice]:
    """List prices by model, from a CSV file with the columns model, input_usd_per_mtok and output_usd_per_mtok."""
    found = {}
    for row, line in enumerate(_csv(path, ("model", "input_usd_per_mtok", "output_usd_per_mtok")), 1):
        for column in ("input_usd_per_mtok", "output_usd_per_mtok"):
            _decimal(line[column], path, column, row)
        found[line["model"]] = ListPrice(line["input_usd_per_mtok"], line["output_usd_per_mtok"])
    return found


def read_scores(path: Path) -> dict[str, dict[str, float]]:
    """Published scores by model and benchmark, fractions of 1, from a CSV file with the columns model, benchmark, score."""
    found: dict[str, dict[str, float]] = {}
    for row, line in enumerate(_csv(path, ("model", "benchmark", "score")), 1):
        score = _decimal(line["score"], path, "score", row)
        if score > 1:
            raise DataError(f"{path}: column score, row {row}: {score:g} is not a fraction of 1")
        found.setdefault(line["model"], {})[line["benchmark"]] = score
    return found


def _csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, named = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for column in columns:
        if column not in named:
            raise DataError(f"{path} has no column '{column}'; it needs {', '.join(columns)}")
    return rows


def _decimal(text: str, path: Path, column: str, row: int) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{path}: column {column}, row {row}: '{text}' is not a number of at least 0")
    return value


def _read(path: Path, required: Sequence[str], optional: Sequence[str]) -> Mapping[str, Column]:
    """The named columns, as lists of one length; an optional one that is absent is full of None."""
    table = _readers().get(path.suffix, _unreadable)(path, (*required, *optional))
    for column in required:
        if column not in table:
            raise DataError(f"{path} has no column '{column}'; it has {', '.join(sorted(table)) or 'none'}")
    rows = len(table[required[0]])
    return {column: table.get(column, [None] * rows) for column in (*required, *optional)}


def _readers() -> Mapping[str, Callable[[Path, Iterable[str]], dict[str, Column]]]:
    return {".parquet": _read_parquet, ".jsonl": _read_lines, ".ndjson": _read_lines}


def _unreadable(path: Path, _columns: Iterable[str]) -> dict[str, Column]:
    raise DataError(f"{path}: the ending says neither Parquet (.parquet) nor JSON Lines (.jsonl)")


def _read_parquet(path: Path, columns: Iterable[str]) -> dict[str, Column]:
    try:
        # an optional extra, and slow to import
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ExtraMissing(f"reading {path}", "learn") from error
    try:
        present = parquet.read_schema(path).names
        table = parquet.read_table(path, columns=[column for column in columns if column in present])
    except (OSError, ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _read_lines(path: Path, columns: Iterable[str]) -> dict[str, Column]:
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    decoder = msgspec.json.Decoder(dict[str, Any])
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(decoder.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise DataError(f"{path}: row {number} is not a JSON object: {error}") from error
    # a column may be absent from some rows
    return {column: [row.get(column) for row in rows] for column in columns if any(column in row for row in rows)}


def _texts(table: Mapping[str, Column], column: str, path: Path) -> list[str]:
    values = table[column]
    for row, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise DataError(f"{path}: column {column}, row {row}: {value!r} is not text")
    return values


def _numbers(
    table: Mapping[str, Column], column: str, path: Path, *, low: float, high: float = np.inf, needed: bool = False
) -> NDArray[np.float32]:
    """A column as floats, NaN where it says nothing. True and false are 1 and 0."""
    values = table[column]
    found = np.full(len(values), np.nan, np.float32)
    for row, value in enumerate(values):
        if value is None and not needed:
            continue
        if not isinstance(value, int | float) or not low <= value <= high:
            bounds = f"at least {low:g}" if high == np.inf else f"between {low:g} and {high:g}"
            raise DataError(f"{path}: column {column}, row {row + 1}: {value!r} is not a number {bounds}")
        found[row] = value
    return found

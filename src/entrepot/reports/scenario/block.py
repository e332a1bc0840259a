"""All decisions about one name that can be asked for, as tables of entries by deployments.

Rules of this file: columns are deployments in the order of their ids. The rows of a conversation follow one another in the
order of its turns. What was not estimated is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.reports.scenario.columns import BY_CANDIDATE, BY_ENTRY, UNKNOWN, Decisions, Kind

Array = NDArray[Any]
Floats = NDArray[np.float32]
Whole = NDArray[np.int64]


class Block(msgspec.Struct, frozen=True, eq=False):
    """`kind` numbers `kinds`. `entries` are the columns of BY_ENTRY, of shape (entries,); `p_correct` and the following have
    shape (entries, deployments), `told` its bits. `chosen` and `served` are columns, UNKNOWN where it is none of them.
    `turn_before` is the row of a conversation's turn before, UNKNOWN for its first.
    """

    name: str
    kinds: tuple[Kind, ...]
    deployments: tuple[str, ...]
    entries: dict[str, Array]
    p_correct: Floats
    p_error: Floats
    output_tokens: Floats
    latency_s: Floats
    told: Array
    weighed: NDArray[np.bool_]
    chosen: Whole
    served: Whole
    turn_before: Whole

    def __len__(self) -> int:
        return len(self.chosen)


def join(parts: Sequence[Decisions]) -> Decisions:
    """Several days as one, in their order."""
    kinds: dict[Kind, int] = {}
    deployments: dict[str, int] = {}
    models: dict[str, str] = {}
    entries: dict[str, list[Array]] = {name: [np.empty(0, form)] for name, form in BY_ENTRY.items()}
    candidates: dict[str, list[Array]] = {name: [np.empty(0, form)] for name, form in BY_CANDIDATE.items()}
    for part in parts:
        kind = np.array([kinds.setdefault(one, len(kinds)) for one in part.kinds], np.int32)
        place = np.array([deployments.setdefault(id_, len(deployments)) for id_ in part.deployments], np.int32)
        models.update(zip(part.deployments, part.models, strict=True))
        translated = {"kind": kind[part.by_entry["kind"]]}
        translated.update((name, _translate(part.by_entry[name], place)) for name in ("chosen", "served"))
        for name, columns in entries.items():
            columns.append(translated.get(name, part.by_entry[name]))
        for name, columns in candidates.items():
            values = part.by_candidate[name]
            columns.append(place[values] if name == "deployment" else values)
    return Decisions(
        tuple(kinds),
        tuple(deployments),
        tuple(models[id_] for id_ in deployments),
        {name: np.concatenate(columns) for name, columns in entries.items()},
        {name: np.concatenate(columns) for name, columns in candidates.items()},
        sum(part.left_out for part in parts),
    )


def blocks(decisions: Decisions, names: Mapping[str, Sequence[str]]) -> Iterator[Block]:
    """A block for each name that is asked for, and stands for deployments (ids) in `names`."""
    asked = [kind.asked for kind in decisions.kinds]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(asked))}
    of_kind = np.array([numbers[name] for name in asked], np.int16)
    block_of = of_kind[decisions.by_entry["kind"]] if len(decisions) else np.empty(0, np.int16)
    starts = np.cumsum(decisions.by_entry["count"], dtype=np.int64) - decisions.by_entry["count"]
    for name, number in numbers.items():
        if name in names:
            rows = np.flatnonzero(block_of == number)
            session = decisions.by_entry["session"][rows]
            rows = rows[np.argsort(session, kind="stable")] if session.any() else rows
            yield _block(decisions, name, sorted(names[name]), rows, starts[rows])


def _block(decisions: Decisions, name: str, ids: Sequence[str], rows: Whole, starts: Whole) -> Block:
    column = {id_: number for number, id_ in enumerate(ids)}
    place = np.array([column.get(id_, UNKNOWN) for id_ in decisions.deployments], np.int64)
    entries = {field: values[rows] for field, values in decisions.by_entry.items()}
    count = entries["count"].astype(np.int64)
    at = np.repeat(np.arange(len(rows)), count)
    flat = np.arange(int(count.sum())) + np.repeat(starts - (np.cumsum(count) - count), count)
    columns = place[decisions.by_candidate["deployment"][flat]]
    known = columns != UNKNOWN
    at, flat, columns = at[known], flat[known], columns[known]
    cell = at * len(ids) + columns
    shape = (len(rows), len(ids))

    def table(field: str, empty: float, form: str) -> Array:
        values = np.full(shape[0] * shape[1], empty, form)
        values[cell] = decisions.by_candidate[field][flat]
        return values.reshape(shape)

    weighed = np.zeros(shape[0] * shape[1], bool)
    weighed[cell] = True
    session = entries["session"]
    follows = np.zeros(len(rows), bool)
    follows[1:] = (session[1:] == session[:-1]) & (session[1:] != 0)
    return Block(
        name,
        decisions.kinds,
        tuple(ids),
        entries,
        table("p_correct", np.nan, "f4"),
        table("p_error", np.nan, "f4"),
        table("output_tokens", np.nan, "f4"),
        table("latency_s", np.nan, "f4"),
        table("told", 0, "u1"),
        weighed.reshape(shape),
        _translate(entries["chosen"], place),
        _translate(entries["served"], place),
        np.where(follows, np.arange(len(rows)) - 1, UNKNOWN),
    )


def _translate(numbers: Array, place: Array) -> Array:
    """Numbers by `place`; what is UNKNOWN stays so."""
    if not len(place):
        return numbers.astype(np.int64)
    return np.where(numbers == UNKNOWN, UNKNOWN, place[np.maximum(numbers, 0)])

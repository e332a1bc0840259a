"""What arriving entries add to the roll-ups, added up in memory: a few hundred rows a batch instead of a dozen scans of it.

Rules of this file: it says in numpy what `rollups.py` says in SQL; the property tests and every `verify` hold the two to the
same numbers. Whole numbers stay exact: where 64 bits might not hold a batch's sum, Python's own integers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from entrepot.ledger.rollups import (
    COMPARED,
    CUBES,
    EXPECTED,
    GRAINS,
    HOUR_NS,
    IS_ANSWERED,
    IS_EXPECTED,
    IS_JUDGED,
    JUDGED,
    NUMBERS,
    SENT,
    SUMS,
    Cube,
    Grain,
)
from entrepot.ledger.rows import ENTRY_COLUMNS, TOKEN_COLUMNS, Value

Array = npt.NDArray[Any]
Columns = Mapping[str, Sequence[Any]]

_MOST = (1 << 62) - 1


class Addition(NamedTuple):
    """What to add to one table: rows of the cube's columns in that grain, then of its measures."""

    cube: Cube
    grain: Grain
    rows: list[tuple[Value, ...]]


def additions(entries: Sequence[tuple[Value, ...]], served: Sequence[int | None]) -> Iterator[Addition]:
    """What these rows (ENTRY_COLUMNS) add to each table, `served` being the number of each one's facts."""
    if not entries:
        return
    columns: dict[str, Sequence[Any]] = dict(zip(ENTRY_COLUMNS, zip(*entries, strict=True), strict=True))
    keys = {
        **columns,
        "served": served,
        "answered": [int(number is not None) for number in served],
        "hour": [started_ns // HOUR_NS % 24 for started_ns in columns["started_ns"]],
        "month": [day[:7] for day in columns["day"]],
    }
    sums = _sums(columns)
    sent = ~_known(columns["shadow_of"])
    known = {name: _known(columns[name]) for name in ("checked", "agreed", "p_correct", "p_reference")}
    measures = {
        id(SUMS): sums,
        id(COMPARED): _compared(columns, sums),
        id(JUDGED): _judged(columns, known),
        id(EXPECTED): _expected(columns, known),
    }
    chosen = {
        "": None,
        SENT: sent,
        IS_ANSWERED: np.array(keys["answered"], dtype=bool) & sent,
        IS_JUDGED: known["checked"] | known["agreed"],
        IS_EXPECTED: known["p_correct"],
    }
    codes: dict[str, _Codes] = {}
    for cube in CUBES:
        added = [measures.get(id(cube.measures), sums)[name] for name in cube.measures]
        for grain in GRAINS:
            names = cube.columns(grain)
            for name in names:
                if name not in codes:
                    codes[name] = _Codes(keys[name], 0 if name in NUMBERS else "")
            yield Addition(cube, grain, _grouped([codes[name] for name in names], added, chosen[cube.where]))


class _Codes:
    """A column's values as numbers from 0 on, and back. What is NULL is the `empty` value."""

    def __init__(self, values: Sequence[Value], empty: Value) -> None:
        distinct = dict.fromkeys(values)
        if None in distinct:
            del distinct[None]
            distinct[empty] = None
        codes: dict[Value, int] = {value: code for code, value in enumerate(distinct)}
        codes[None] = codes.get(empty, 0)
        self.codes = np.fromiter(map(codes.__getitem__, values), np.int64, len(values))
        self.values = list(distinct)


def _grouped(keys: Sequence[_Codes], measures: Sequence[Array], chosen: Array | None) -> list[tuple[Value, ...]]:
    """A row for each combination of keys among the chosen: its values, then the sums of the measures over it."""
    combined, size = keys[0].codes, len(keys[0].values)
    for key in keys[1:]:
        if size * len(key.values) > _MOST:
            combined = np.unique(combined, return_inverse=True)[1]
            size = len(combined)
        combined, size = combined * len(key.values) + key.codes, size * len(key.values)
    order = np.argsort(combined, kind="stable")
    if chosen is not None:
        order = order[chosen[order]]
        if not len(order):
            return []
    starts = np.flatnonzero(np.diff(combined[order], prepend=-1))
    firsts = order[starts]
    values = [[key.values[code] for code in key.codes[firsts].tolist()] for key in keys]
    return list(zip(*values, *(np.add.reduceat(measure[order], starts).tolist() for measure in measures), strict=True))


def _sums(columns: Columns) -> dict[str, Array]:
    """The measures of SUMS, entry by entry."""
    cost = columns["cost_nano_usd"]
    uncounted = zip(columns["attempts"], columns["input_tokens"], strict=True)
    found = {
        "exchanges": np.ones(len(cost), dtype=np.int64),
        "completed": np.array([state == "completed" for state in columns["state"]], dtype=np.int64),
        **{name: _numbers(columns[name]) for name in TOKEN_COLUMNS},
        "unknown_usage": np.array([attempts > 0 and tokens is None for attempts, tokens in uncounted], dtype=np.int64),
        "estimated_usage": _numbers(columns["usage_estimated"]),
        "cost_nano_usd": _numbers(cost),
        "unknown_cost": np.array([value is None for value in cost], dtype=np.int64),
        "thrown_away_nano_usd": _numbers(columns["thrown_away_nano_usd"]),
    }
    shadow = _known(columns["shadow_of"]).astype(np.int64)
    none = np.zeros(len(cost), dtype=np.int64)
    beside = {"shadows": shadow, "shadow_nano_usd": none}
    if shadow.any():
        beside["shadow_nano_usd"] = found["cost_nano_usd"] * shadow
        found = {name: measure * (1 - shadow) for name, measure in found.items()}
    return {**found, **beside}


def _compared(columns: Columns, sums: Mapping[str, Array]) -> dict[str, Array]:
    """The measures of COMPARED, entry by entry; the names are those of the conditions and terms in `rollups.py`."""
    done = sums["completed"] == 1
    unknown = sums["unknown_cost"] == 1
    compared = done & ~unknown
    measured = compared & _flags(columns["baseline_measured"], 1)
    estimated = compared & _flags(columns["baseline_measured"], 0)
    pair = measured & ~_flags(columns["baseline_predicted_nano_usd"], None)
    drawn = pair & _flags(columns["baseline_drawn"], 1)
    baseline, cost = _numbers(columns["baseline_cost_nano_usd"]), sums["cost_nano_usd"]
    y, x, error = (
        (_numbers(columns[name]) * 1e-9).astype(np.float64)
        for name in ("baseline_cost_nano_usd", "baseline_predicted_nano_usd", "baseline_error_nano_usd")
    )
    moments = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    unfinished = ~done & _above_zero(columns["attempts"])
    split = estimated & _known(columns["as_long_nano_usd"])
    return {
        "finished": sums["completed"],
        "exchanges": compared.astype(np.int64),
        "cost_nano_usd": np.where(compared, cost, 0),
        "measured": measured.astype(np.int64),
        "measured_nano_usd": np.where(measured, baseline, 0),
        "estimated_nano_usd": np.where(estimated, baseline, 0),
        "error_usd2": np.where(estimated, error * error, 0.0),
        "pairs": pair.astype(np.int64),
        **{f"pairs_{name}": np.where(pair, term, 0.0) for name, term in moments.items()},
        "drawn": drawn.astype(np.int64),
        **{f"drawn_{name}": np.where(drawn, term, 0.0) for name, term in moments.items()},
        "thrown_away_nano_usd": np.where(compared, sums["thrown_away_nano_usd"], 0),
        "split": split.astype(np.int64),
        "split_baseline_nano_usd": np.where(split, baseline, 0),
        **{
            f"split_{name}": np.where(split, _numbers(columns[name]), 0)
            for name in ("as_long_nano_usd", "as_long_uncached_nano_usd", "uncached_nano_usd")
        },
        "split_answer_nano_usd": np.where(split, cost - sums["thrown_away_nano_usd"], 0),
        "unknown_cost": (done & unknown).astype(np.int64),
        "unfinished": unfinished.astype(np.int64),
        "unfinished_cost_nano_usd": np.where(unfinished, cost, 0),
        "unfinished_unknown_cost": (unfinished & unknown).astype(np.int64),
    }


def _judged(columns: Columns, known: Mapping[str, Array]) -> dict[str, Array]:
    """The measures of JUDGED, entry by entry."""
    passed, agreed, told = (
        _numbers(columns["checked"]),
        _floats(columns["agreed"]),
        known["checked"] & known["p_correct"],
    )
    return {
        "checks": known["checked"].astype(np.int64),
        "passed": passed,
        "agreements": known["agreed"].astype(np.int64),
        "agreed": agreed,
        "agreed_squares": agreed * agreed,
        "told": told.astype(np.int64),
        "told_p": np.where(told, _floats(columns["p_correct"]), 0.0),
        "told_passed": np.where(told, passed, 0),
    }


def _expected(columns: Columns, known: Mapping[str, Array]) -> dict[str, Array]:
    """The measures of EXPECTED, entry by entry."""
    p = _floats(columns["p_correct"])
    return {
        "exchanges": np.ones(len(p), dtype=np.int64),
        "p_correct": p,
        "p_best": _floats(columns["p_best"]),
        "referred": known["p_reference"].astype(np.int64),
        "referred_p_correct": np.where(known["p_reference"], p, 0.0),
        "p_reference": _floats(columns["p_reference"]),
    }


def _floats(values: Sequence[float | None]) -> Array:
    """Numbers, NULL as 0."""
    return np.array([value or 0.0 for value in values], dtype=np.float64)


def _known(values: Sequence[object]) -> Array:
    return np.array([value is not None for value in values], dtype=bool)


def _numbers(values: Sequence[int | None]) -> Array:
    """Whole numbers, NULL as 0; as Python's own where their sum might not fit into 64 bits."""
    known = [value or 0 for value in values]
    return np.array(known, dtype=np.int64 if max(known) * len(known) <= _MOST else object)


def _flags(values: Sequence[int | None], wanted: int | None) -> Array:
    return np.array([value == wanted for value in values], dtype=bool)


def _above_zero(values: Sequence[int]) -> Array:
    return np.array([value > 0 for value in values], dtype=bool)

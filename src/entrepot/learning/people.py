"""People asked about exchanges that a lot picked: which, with what chance, and what they said.

Rules of this file: the lot of an exchange is its id's, so it is the same whoever draws and however often: of two samples over
one period the smaller is part of the larger (permanent random numbers, Ohlsson 1995, in Business Survey Methods, ch. 9), and the
chance of an exchange is that of the largest it was in. Whoever is asked is told neither the model nor what anybody else said.
"""

from __future__ import annotations

import csv
import hashlib
import heapq
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from entrepot.errors import DataError
from entrepot.exchange.outcome import Outcome, outcome_id
from entrepot.ledger.reading import RelationalReader
from entrepot.ledger.store import ALWAYS, Judgement, Period

COLUMNS = ("exchange", "chance", "question", "answer", "label")
_PAGE = 5000
_END_NS = (1 << 63) - 1
_JUDGED = """
    AND EXISTS (SELECT 1 FROM outcomes
                WHERE outcomes.exchange = entries.id AND outcomes.source = 'judge' AND outcomes.score IS NOT NULL)
"""
_ELIGIBLE = """
    SELECT id FROM entries
    WHERE route = ? AND state = 'completed' AND started_ns >= ? AND started_ns < ? AND id > ? {} ORDER BY id LIMIT ?
"""


class Draw(msgspec.Struct, frozen=True):
    """The exchanges that were drawn, in the order of the lot, `of` so many; each had the same `chance`."""

    exchanges: tuple[str, ...]
    chance: float
    of: int


class Asked(msgspec.Struct, frozen=True):
    """One line of the file: an exchange, its words where they are kept, and what was said of it, empty where nobody did."""

    exchange: str
    chance: float
    question: str = ""
    answer: str = ""
    label: str = ""


def eligible(reader: RelationalReader, route: str, period: Period = ALWAYS, *, judged: bool = True) -> Iterator[str]:
    """The ids of completed exchanges of a route; `judged`: of those that a judge spoke of. Raises LedgerError."""
    last = ""
    until_ns = _END_NS if period.until_ns is None else period.until_ns
    statement = _ELIGIBLE.format(_JUDGED if judged else "")
    while rows := reader.ask(statement, (route, period.since_ns or 0, until_ns, last, _PAGE)):
        yield from (str(id_) for (id_,) in rows)
        last = rows[-1][0]


def draw(exchanges: Iterable[str], count: int) -> Draw:
    """So many of the exchanges by lot, or all where there are no more."""
    total = 0

    def lots() -> Iterator[tuple[bytes, str]]:
        nonlocal total
        for exchange in exchanges:
            total += 1
            yield hashlib.sha256(f"asked of people {exchange}".encode()).digest(), exchange

    drawn = heapq.nsmallest(count, lots())
    return Draw(tuple(exchange for _, exchange in drawn), min(1.0, count / total) if total else 1.0, total)


def already_asked(reader: RelationalReader, period: Period = ALWAYS) -> dict[str, Judgement]:
    """What people said of exchanges that were drawn for them, of each the one that had the largest chance. Raises LedgerError."""
    found: dict[str, Judgement] = {}
    for one in reader.judgements(("person",), period):
        if one.chance is not None and (one.exchange not in found or one.chance > (found[one.exchange].chance or 0.0)):
            found[one.exchange] = one
    return found


def write_asked(asked: Sequence[Asked], path: Path) -> None:
    """Write CSV, readable by its owner alone: it may hold what people said. Raises DataError where that is not possible.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in asked:
        writer.writerow((one.exchange, repr(one.chance), _plain(one.question), _plain(one.answer), one.label))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise DataError(f"{path} exists, and may hold labels: name another file with --to") from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(
        descriptor, "w", encoding="utf-8-sig", newline=""
    ) as file:  # with its mark a spreadsheet knows UTF-8
        file.write(text.getvalue())


def read_asked(path: Path) -> list[Asked]:
    """The lines of such a file, filled in or not. Raises DataError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV in UTF-8: {error}") from error
    found = []
    for number, row in enumerate(rows, start=1):
        try:
            chance = float(row["chance"])
            one = Asked(row["exchange"], chance, label=(row["label"] or "").strip().lower())
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}, entry {number}: it has no {', '.join(COLUMNS[:2])} and label") from error
        if not 0 < chance <= 1:
            raise DataError(f"{path}, entry {number}: a chance of {chance:g}; leave that column as it was written")
        found.append(one)
    return found


def outcomes_of(
    asked: Sequence[Asked], who: str, scores: Mapping[str, float], now_ns: int, path: Path
) -> list[Outcome]:
    """What a person said, of those lines that have a label: a word of `scores`, or a number from 0 to 1. Raises DataError."""
    found = []
    for number, one in enumerate(asked, start=1):
        if not one.label:
            continue
        score = scores.get(one.label)
        try:
            score = float(one.label.replace(",", ".")) if score is None else score
        except ValueError as error:
            raise DataError(
                f"{path}, entry {number}: '{one.label[:40]}' is no label; write {', '.join(scores)} or a number from 0 to 1"
            ) from error
        if not 0 <= score <= 1:
            raise DataError(f"{path}, entry {number}: a score lies between 0 and 1; this one is {score:g}")
        id_ = outcome_id("person", who, one.exchange, repr(score), repr(one.chance), str(now_ns))
        found.append(Outcome(id_, one.exchange, now_ns, "person", who, score, chance=one.chance))
    return found


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

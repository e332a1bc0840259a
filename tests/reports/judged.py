"""A company with judges of known faults, and people who say what is true: written into a ledger as a gateway would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.canonical.response import Usage
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry, Expected
from entrepot.ledger.checks import sample_entry

LONG, SHORT = 400, 100
P_EASY, P_HARD = 0.95, 0.65


class Company(NamedTuple):
    """Of each exchange: whether it was easy, long and right, and whether either judge said right."""

    easy: NDArray[np.bool_]
    long: NDArray[np.bool_]
    right: NDArray[np.bool_]
    fond: NDArray[np.bool_]
    plain: NDArray[np.bool_]


def draw_company(chance: np.random.Generator, count: int, quality: float = 0.8) -> Company:
    """Judges right in about four of five; the fond one says of long answers that they are right."""
    easy, long = chance.random(count) < 0.6, chance.random(count) < 0.5
    right = chance.random(count) < np.where(easy, quality + 0.1, quality - 0.15)
    slip = np.where(long & ~right, 0.6, np.where(~long & right, 0.25, 0.1))
    return Company(easy, long, right, right ^ (chance.random(count) < slip), right ^ (chance.random(count) < 0.2))


def entries_of(company: Company) -> list[Entry]:
    """What the gateway wrote down."""
    found = []
    for number in range(len(company.right)):
        p = P_EASY if company.easy[number] else P_HARD
        usage = Usage(100, output_tokens=LONG if company.long[number] else SHORT)
        found.append(msgspec.structs.replace(sample_entry(number), usage=usage, expected=Expected(p, p, p)))
    return found


def judgements_of(company: Company) -> Iterator[Outcome]:
    """What both judges said."""
    for number in range(len(company.right)):
        exchange = sample_entry(number).id
        yield Outcome(f"f{number}", exchange, 1, "judge", "fond", float(company.fond[number]), weight=0.25)
        yield Outcome(f"p{number}", exchange, 1, "judge", "plain", float(company.plain[number]), weight=0.25)


def labels_of(company: Company, asked: NDArray[np.bool_], chance: float | None) -> Iterator[Outcome]:
    """What people said of those that were asked about; without a chance, unasked."""
    for number in np.flatnonzero(asked).tolist():
        exchange, score = sample_entry(number).id, float(company.right[number])
        source = "user" if chance is None else "person"
        yield Outcome(f"l{number}", exchange, 2, source, "k", score, chance=chance)  # type: ignore[arg-type]  # one of two

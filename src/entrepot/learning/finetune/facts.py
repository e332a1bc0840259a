"""What the ledger knows of exchanges whose words are kept: who answered, and what came of it.

Rules of this file: an outcome is that of whoever is nearest to the work: a user's word, else a program's, else a later verdict,
a check, judges, a file of another tool, agreement between models; of one source, the last word of each who said something, and of
several the mean by weight. A sign in the traffic says only what was bad, so it is no outcome here. All in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from entrepot.learning.finetune.terms import Answering
from entrepot.ledger.outcomes import LATEST
from entrepot.ledger.reading import RelationalReader
from entrepot.ledger.store import JudgedBy

_ENTRIES = "SELECT id, state, checked, agreed, deployment, model, maker, provider, on_premises FROM exchanges"
_SCORES = f"SELECT exchange, source, sum(score * weight) / sum(weight) FROM ({LATEST}) AS latest"  # noqa: S608 - a constant
State = Literal["completed", "refused", "failed", "client_gone", "broken"]


class Facts(msgspec.Struct, frozen=True):
    """One exchange. `answering` None: nobody did. `outcome` None: nobody said what came of it."""

    state: State
    answering: Answering | None
    outcome: float | None
    source: JudgedBy | None


def facts_of(reader: RelationalReader, exchanges: Sequence[str]) -> dict[str, Facts]:
    """The facts of those of these exchanges that the ledger has. Raises LedgerError."""
    if not exchanges:
        return {}
    marks = ", ".join("?" * len(exchanges))
    entries = reader.ask(f"{_ENTRIES} WHERE id IN ({marks})", exchanges)
    said = reader.ask(f"{_SCORES} WHERE exchange IN ({marks}) GROUP BY exchange, source", exchanges)
    scores = {(exchange, source): float(score) for exchange, source, score in said}
    found: dict[str, Facts] = {}
    for id_, state, checked, agreed, *who in entries:
        told: tuple[tuple[JudgedBy, float | None], ...] = (
            ("user", scores.get((id_, "user"))),
            ("person", scores.get((id_, "person"))),
            ("program", scores.get((id_, "program"))),
            ("verdict", scores.get((id_, "verdict"))),
            ("check", scores.get((id_, "check")) if checked is None else float(checked)),
            ("judge", scores.get((id_, "judge"))),
            ("file", scores.get((id_, "file"))),
            ("agreement", None if agreed is None else float(agreed)),
        )
        source, outcome = next(((source, score) for source, score in told if score is not None), (None, None))
        answering = None if who[0] is None else Answering(who[0], who[1], who[2], who[3], bool(who[4]))
        found[id_] = Facts(state, answering, outcome, source)
    return found

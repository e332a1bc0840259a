"""How much time the gateway itself added to the exchanges that a deployment answered."""

from __future__ import annotations

import msgspec

from entrepot.ledger.store import ALWAYS, LedgerReader, Period
from entrepot.reports.render import Column, Label, Quantity, Table
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics.quantiles import RELATIVE_ERROR, quantile


class AddedTime(msgspec.Struct, frozen=True):
    """Milliseconds, within `RELATIVE_ERROR` of the true quantile; None if nothing was answered."""

    exchanges: int
    p50_ms: float | None
    p99_ms: float | None


def measure_added_time(reader: LedgerReader, period: Period = ALWAYS) -> AddedTime:
    """The time added over a period. Raises LedgerError if the ledger cannot answer."""
    counts = reader.added_time(period)
    exchanges = sum(counts.values())
    if not exchanges:
        return AddedTime(0, None, None)
    return AddedTime(exchanges, quantile(counts, 0.5) / 1000, quantile(counts, 0.99) / 1000)


def tabulate_added_time(added: AddedTime, words: Words = ENGLISH) -> Table:
    """The quantiles as a table."""
    columns = (Column("figure", words("figure"), "text"), Column("value", words("value"), "ms"))
    rows = (
        (Label("exchanges", words("exchanges")), Quantity(added.exchanges, "count")),
        (Label("added_p50_ms", words("added_p50")), added.p50_ms),
        (Label("added_p99_ms", words("added_p99")), added.p99_ms),
    )
    return Table(
        "added_time", words("added_time"), columns, rows, (words("added_within", error=f"{RELATIVE_ERROR:.0%}"),)
    )

"""What a ledger's store promises, whatever database it is: `check_ledger` in `checks.py` holds every one of them to it.

Rules of this file: a store only appends, invents no id and no time, and is idempotent by entry id. Money is whole
nano-dollars; what is unknown is counted beside a sum, never added as zero. Periods are half-open and refer to the moment
an exchange began. Sums of squares are floats: they describe errors, they are not money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, get_args

import msgspec

from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.records import Entry
from entrepot.ledger.documents import Document
from entrepot.ledger.pairs import Expectation, Paired, Shadowed, Spending
from entrepot.statistics.intervals import RatioSums

ServedDimension = Literal[
    "deployment",
    "model",
    "maker",
    "maker_country",
    "provider",
    "provider_country",
    "region",
    "on_premises",
    "open_weights",
    "accelerator",
]
EntryDimension = Literal[
    "route",
    "key",
    "team",
    "day",
    "state",
    "dialect",
    "asked_model",
    "language",
    "difficulty",
    "client_region",
    "data_classes",
]
Dimension = ServedDimension | EntryDimension

SERVED_DIMENSIONS: tuple[ServedDimension, ...] = get_args(ServedDimension)
ENTRY_DIMENSIONS: tuple[EntryDimension, ...] = get_args(EntryDimension)
DIMENSIONS: tuple[Dimension, ...] = (*SERVED_DIMENSIONS, *ENTRY_DIMENSIONS)

Principal = Literal["key", "team"]
"""Whose exchanges are forgotten."""


class Period(msgspec.Struct, frozen=True):
    """From `since_ns` (included) to `until_ns` (not included), nanoseconds since 1970 UTC; None is open."""

    since_ns: int | None = None
    until_ns: int | None = None


ALWAYS = Period()


class Sums(msgspec.Struct, frozen=True):
    """Totals over exchanges. `cost_nano_usd` adds the known costs; `unknown_cost` counts the exchanges without one.

    `thrown_away_nano_usd` is the part of the cost that went into attempts whose answer the client did not get.
    `unknown_usage` counts exchanges that called a provider and have no token counts. `shadows` are exchanges that nobody waited
    for; they cost `shadow_nano_usd`, which is in no other sum.
    """

    exchanges: int = 0
    completed: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    unknown_usage: int = 0
    estimated_usage: int = 0
    cost_nano_usd: int = 0
    unknown_cost: int = 0
    thrown_away_nano_usd: int = 0
    shadows: int = 0
    shadow_nano_usd: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of every kind."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.output_tokens
            + self.reasoning_tokens
        )


class Group(msgspec.Struct, frozen=True):
    """The sums of one combination of values, in the order of the dimensions asked for.

    `served` is False for exchanges that no deployment answered: their values of a `ServedDimension` are all None, which
    elsewhere means unknown.
    """

    values: tuple[str | None, ...]
    served: bool
    sums: Sums


class Split(msgspec.Struct, frozen=True):
    """Of estimated exchanges: what lies between the baseline's cost and that of the answer, in nano-dollars.

    From one to the next: the baseline's cost; for an answer as long as the one given; with nothing cached; what the answer
    given would have cost with nothing cached; what it cost.
    """

    exchanges: int = 0
    baseline_nano_usd: int = 0
    as_long_nano_usd: int = 0
    as_long_uncached_nano_usd: int = 0
    uncached_nano_usd: int = 0
    answer_nano_usd: int = 0


class Comparison(msgspec.Struct, frozen=True):
    """Sums over the completed exchanges that have one baseline (or, with `baseline_model` None, over those without).

    `exchanges` and what follows it count those of known cost; `unknown_cost` counts the others. `measured` of them the
    baseline answered itself, for `measured_nano_usd`; the rest it would have answered for about `estimated_nano_usd`, the
    squares of whose errors add up to `error_usd2`. `pairs` are predicted (x) and measured (y) cost in dollars, where both
    are known; `drawn` are those of them that the holdout's lot gave to the baseline against the router's choice.
    """

    baseline_deployment: str | None
    baseline_model: str | None
    exchanges: int
    cost_nano_usd: int
    measured: int
    measured_nano_usd: int
    estimated_nano_usd: int
    error_usd2: float
    pairs: RatioSums
    drawn: RatioSums
    thrown_away_nano_usd: int
    unknown_cost: int
    split: Split = Split()


class Unfinished(msgspec.Struct, frozen=True):
    """Exchanges that called a provider and did not complete, on the routes that named a baseline in the period."""

    exchanges: int = 0
    cost_nano_usd: int = 0
    unknown_cost: int = 0


JudgedBy = OutcomeSource | Literal["agreement"]
"""Whose word it is; agreement is a probability, and no observation."""


class Judged(msgspec.Struct, frozen=True):
    """Outcomes of one source over exchanges that are alike; `p_tenth` is the tenth (1 to 10) in which P(correct) was expected.

    `total` and `squares` add up the outcomes (in [0, 1]) and their squares. `told` of them have an expectation: `told_p` adds
    those up, `told_total` their outcomes.
    """

    route: str | None
    deployment: str | None
    model: str | None
    maker_country: str | None
    language: str | None
    difficulty: str | None
    p_tenth: int | None
    source: JudgedBy
    count: int
    total: float
    squares: float
    told: int
    told_p: float
    told_total: float


class Told(msgspec.Struct, frozen=True):
    """One outcome that counts, beside what its exchange was. A check of the route's strategy has no name.

    `p_correct` is what the router expected of the deployment that answered, None where it expected nothing.
    """

    exchange: str
    started_ns: int
    route: str | None
    deployment: str | None
    model: str | None
    maker_country: str | None
    p_correct: float | None
    source: OutcomeSource
    who: str
    score: float
    weight: float
    label: str | None
    given_ns: int


class Judgement(msgspec.Struct, frozen=True):
    """As `Told`, with what is asked of judges and of the people who are asked beside them.

    `output_tokens` is the length of the answer, without its reasoning, None where nobody counted. `chance` is the probability
    with which the exchange was drawn to be asked about, None where nobody drew it.
    """

    exchange: str
    route: str | None
    deployment: str | None
    model: str | None
    maker_country: str | None
    language: str | None
    difficulty: str | None
    p_correct: float | None
    output_tokens: int | None
    source: OutcomeSource
    who: str
    score: float
    weight: float
    chance: float | None


class Drawn(msgspec.Struct, frozen=True):
    """One exchange that a holdout's lot was cast for. Money in nano-dollars, None where unknown.

    `outcome` is what came of it, in [0, 1], by its check or else by what was said of it (by weight, without signs and judges),
    None where nobody said; `judged` is what judges said. `would_nano_usd` is what the baseline would have cost: its own cost
    where it answered (`measured`), else the estimate; `predicted_nano_usd` the estimate where it answered. `read_tokens` are
    those of the request, `cached_tokens` the part of them that came from a cache.
    """

    route: str
    baseline: str
    unit: int
    share: float
    drawn: bool
    cost_nano_usd: int | None
    baseline_nano_usd: int | None
    routed_nano_usd: int | None
    outcome: float | None
    judged: float | None = None
    exchange: str = ""
    completed: bool = True
    measured: bool = False
    would_nano_usd: int | None = None
    predicted_nano_usd: int | None = None
    thrown_away_nano_usd: int = 0
    read_tokens: int = 0
    cached_tokens: int = 0


class SpoolProgress(msgspec.Struct, frozen=True):
    """How far a spool file has been ingested, and what of it could not be read."""

    name: str
    offset: int = 0
    entries: int = 0
    damaged: int = 0
    damaged_bytes: int = 0


class LedgerReader(Protocol):
    """What reports ask of a ledger. Every method raises LedgerError if the store cannot answer."""

    def find(self, entry_id: str) -> Entry | None:
        """The entry of an exchange, as it was written."""
        ...

    def documents(self, period: Period = ALWAYS) -> Iterator[bytes]:
        """The entries of a period as they lie there, MessagePack, in the order in which they began; read a page at a time."""
        ...

    def totals(self, period: Period = ALWAYS) -> Sums:
        """The sums over a period."""
        ...

    def totals_by(
        self, dimensions: Sequence[Dimension], period: Period = ALWAYS, *, shadows: bool = False
    ) -> tuple[Group, ...]:
        """The sums by every combination of values that occurs, most exchanges first; with `shadows` also where they alone do."""
        ...

    def shadowed(self, period: Period = ALWAYS) -> tuple[Shadowed, ...]:
        """What was asked beside exchanges, by route and deployment, most first."""
        ...

    def pairs(self, period: Period = ALWAYS) -> tuple[Paired, ...]:
        """Whose answer was the better, in the order in which that became known."""
        ...

    def comparisons(self, period: Period = ALWAYS, route: str | None = None) -> tuple[Comparison, ...]:
        """Costs beside those of the baseline, one per baseline deployment and model; of one route, or of all."""
        ...

    def unfinished(self, period: Period = ALWAYS) -> Unfinished:
        """What was spent on exchanges that did not complete, beside the `comparisons` of the same period."""
        ...

    def judged(self, period: Period = ALWAYS) -> tuple[Judged, ...]:
        """The outcomes of exchanges of a period, from every source; each exchange counts once for each."""
        ...

    def told(self, period: Period = ALWAYS) -> Iterator[Told]:
        """Every outcome of exchanges of a period, of each who said several the last; by exchange, read a page at a time.

        Agreement is none: it is no observation.
        """
        ...

    def judgements(self, sources: Sequence[OutcomeSource], period: Period = ALWAYS) -> Iterator[Judgement]:
        """As `told`, what was said by these sources."""
        ...

    def outcomes_after(self, seq: int, most: int = 1000) -> list[tuple[int, Outcome]]:
        """All that was said of exchanges, in the order in which it came here, each with its number: for whoever follows."""
        ...

    def expectations(self, period: Period = ALWAYS) -> tuple[Expectation, ...]:
        """What the router expected, by route and deployment."""
        ...

    def drawn(self, period: Period = ALWAYS) -> tuple[Drawn, ...]:
        """Every exchange for which a holdout's lot was cast, in order of time. Not from roll-ups: sessions are its unit."""
        ...

    def documents_of(self, exchanges: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The entries of these exchanges that are there, each with its id, MessagePack; in no order."""
        ...

    def added_time(self, period: Period = ALWAYS) -> dict[int, int]:
        """How many answered exchanges fall into each bucket (`statistics.quantiles`) of microseconds added by us."""
        ...

    def spending(self, period: Period = ALWAYS, without: Sequence[str] = ()) -> tuple[Spending, ...]:
        """What budgets were charged over a period, `without` the exchanges of these ids."""
        ...

    def spool_progress(self) -> dict[str, SpoolProgress]:
        """Every spool file ever ingested, by name."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class LedgerStore(LedgerReader, Protocol):
    """A ledger that can be written to."""

    def insert(
        self, entries: Sequence[Entry], *, before: SpoolProgress | None = None, after: SpoolProgress | None = None
    ) -> int:
        """Write entries that are not there yet; returns how many were new. All of them, or LedgerError and none.

        With `after`, the progress of a spool file is moved from `before` in the same transaction; if it is no longer at
        `before`, somebody else has ingested the file: LedgerError, and nothing is written.
        """
        ...

    def insert_documents(
        self,
        documents: Sequence[Document],
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """As `insert`, for entries that are encoded already, and with outcomes that are not there yet (which are not counted)."""
        ...

    def forget(self, principal: Principal, name: str, now_ns: int) -> int:
        """Drop the entries of one key or team and what was said of them; returns how many entries.

        What began up to `now_ns` and arrives later, from a spool that lay elsewhere, is not taken in, nor what is said of it.
        """
        ...

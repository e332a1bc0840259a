"""Entries of every kind, drawn by hypothesis."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Expected, Served, Shadow, State, Vote
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.rows import MAX_NANO
from entrepot.routing.holdout import Lot

counts = st.integers(0, 1 << 34)
money = st.integers(0, MAX_NANO // 1000)
usages = st.builds(Usage, counts, counts, counts, counts, counts, estimated=st.booleans())
places = st.sampled_from(
    [
        SAMPLE_SERVED,
        msgspec.structs.replace(SAMPLE_SERVED, on_premises=True, region="LOCAL", accelerator="昇腾 910B"),
        Served("openai/gpt-5", "gpt-5", "openai", "US", "openai", "US", "GLOBAL", False, False, None),
    ]
)
chances = st.floats(0, 1).map(lambda p: round(p, 9))  # a square that is too small for a float is an error in PostgreSQL
votes = st.builds(
    Vote,
    p_correct=st.none() | chances,
    source=st.sampled_from(["agreement", "check", "confidence"]),
    check=st.sampled_from([None, "passed", "failed", "inconclusive"]),
)
attempts = st.lists(
    st.builds(
        lambda cost, answered, vote: AttemptRecord(
            1, "d", "m", "p", 200, 1.0, cost_nano_usd=cost, answered=answered, vote=vote
        ),
        st.none() | money,
        st.booleans(),
        st.none() | votes,
    ),
    max_size=3,
).map(lambda given: tuple(msgspec.structs.replace(one, number=place) for place, one in enumerate(given, 1)))
baselines = st.builds(
    Baseline,
    deployment=st.just("openai/gpt-5"),
    model=st.just("gpt-5"),
    cost_nano_usd=money,
    error_nano_usd=money,
    measured=st.booleans(),
    predicted_nano_usd=st.none() | money,
    drawn=st.booleans(),
    as_long_nano_usd=st.none() | money,
    as_long_uncached_nano_usd=money,
    uncached_nano_usd=money,
)
expectations = st.builds(Expected, st.none() | chances, st.none() | chances, chances)
lots = st.builds(
    Lot, st.just("openai/gpt-5"), st.just(0.1), st.booleans(), st.integers(0, 1 << 56), st.none() | money, money
)
shadows = st.builds(
    Shadow, st.just("019b0000"), st.just(0.1), st.integers(0, 1 << 56), st.just("openai/gpt-5"), st.none() | money
)
states: st.SearchStrategy[State] = st.sampled_from(["completed", "refused", "failed", "client_gone", "broken"])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """One entry; ids repeat now and then."""
    return msgspec.structs.replace(
        sample_entry(draw(st.integers(0, 40))),
        started_ns=FIRST_NS + draw(st.integers(0, 3 * 86_400)) * 1_000_000_000,
        state=draw(states),
        served=draw(st.none() | places),
        usage=draw(st.none() | usages),
        cost_nano_usd=draw(st.none() | money),
        baseline=draw(st.none() | baselines),
        attempts=draw(attempts),
        team=draw(st.sampled_from(["财务", "研发", None])),
        added_ms=draw(st.floats(0, 1e6)),
        language=draw(st.sampled_from(["zh", "en", None])),
        client_region=draw(st.sampled_from(["DE", None])),
        data_classes=draw(st.sampled_from([(), ("personal",)])),
        expected=draw(st.none() | expectations),
        lot=draw(st.none() | lots),
        shadow=draw(st.none() | shadows),
    )

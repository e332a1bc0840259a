"""Entries of every kind, drawn by hypothesis."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Baseline, Entry, Served, State
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.rows import MAX_NANO

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
attempts = st.lists(
    st.builds(
        lambda cost, answered: AttemptRecord(1, "d", "m", "p", 200, 1.0, cost_nano_usd=cost, answered=answered),
        st.none() | money,
        st.booleans(),
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
    )

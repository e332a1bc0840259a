from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Deliberation, Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.documents import documents_of, read_document, read_record
from entrepot.ledger.rows import rows_of
from tests.ledger.entries import entries

decided = sample_entry(0).decision
decisions = st.sampled_from([None, decided, None if decided is None else msgspec.structs.replace(decided, router=None)])
deliberations = st.sampled_from([None, Deliberation("agreement", "they agree", accepted=1, p_correct=0.9)])


@given(entries(), decisions, deliberations)
def test_an_outline_gives_the_rows_that_the_whole_entry_gives(
    drawn: Entry, decision: object, deliberation: Deliberation | None
) -> None:
    entry = msgspec.structs.replace(drawn, decision=decision, deliberation=deliberation)
    (document,) = documents_of([entry])
    read = read_document(document.encoded)
    assert rows_of(read.entry) == rows_of(entry)
    assert msgspec.msgpack.decode(read.encoded, type=Entry) == entry


def test_what_was_decided_without_a_router_is_read() -> None:
    entry = sample_entry(3)
    assert entry.decision is not None
    by_name = msgspec.structs.replace(entry, decision=msgspec.structs.replace(entry.decision, router=None))
    (document,) = documents_of([by_name])
    assert rows_of(read_document(document.encoded).entry) == rows_of(by_name)


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_document(msgspec.msgpack.encode({"id": 7}))


def test_feedback_that_an_earlier_version_wrote_is_read() -> None:
    written = {
        "record": "feedback",
        "id": "i",
        "exchange": "e",
        "given_ns": 7,
        "key": None,
        "source": "user",
        "score": 0.5,
    }
    assert read_record(msgspec.msgpack.encode(written)) == Outcome("i", "e", 7, "user", "", 0.5)


def test_an_outcome_is_read_as_it_was_written() -> None:
    outcome = Outcome("i", "e", 7, "judge", "kimi-k2", 0.5, "better", 0.25)
    assert read_record(msgspec.msgpack.encode(outcome)) == outcome

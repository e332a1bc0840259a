from __future__ import annotations

import msgspec
import pytest

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.documents import documents_of, read_document
from entrepot.ledger.rows import rows_of


def test_an_outline_gives_the_rows_that_the_whole_entry_gives() -> None:
    entry = sample_entry(3)
    (document,) = documents_of([entry])
    assert entry.decision is not None
    assert rows_of(read_document(document.encoded).entry) == rows_of(entry)
    assert msgspec.msgpack.decode(read_document(document.encoded).encoded, type=type(entry)) == entry


def test_what_was_decided_without_a_router_is_read() -> None:
    entry = sample_entry(3)
    assert entry.decision is not None
    by_name = msgspec.structs.replace(entry, decision=msgspec.structs.replace(entry.decision, router=None))
    (document,) = documents_of([by_name])
    assert rows_of(read_document(document.encoded).entry) == rows_of(by_name)


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_document(msgspec.msgpack.encode({"id": 7}))

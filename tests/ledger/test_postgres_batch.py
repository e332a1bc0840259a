from __future__ import annotations

import msgspec

from entrepot.exchange.records import Entry
from entrepot.ledger.checks import SAMPLE_SERVED, sample_entry
from entrepot.ledger.documents import documents_of
from entrepot.ledger.postgres_batch import Batch, array_of, batch_of


def places(*entries: Entry) -> Batch:
    return batch_of(documents_of(entries))


def test_of_one_id_the_first_entry_counts() -> None:
    changed = msgspec.structs.replace(sample_entry(0), key="another")
    batch = places(sample_entry(0), sample_entry(1), changed)
    assert batch.ids() == [sample_entry(0).id, sample_entry(1).id]
    assert batch.documents[0] == documents_of([sample_entry(0)])[0].encoded


def test_facts_are_numbered_from_one_and_nobody_is_zero() -> None:
    elsewhere = msgspec.structs.replace(SAMPLE_SERVED, region="DE")
    batch = places(
        sample_entry(0),
        msgspec.structs.replace(sample_entry(1), served=None),
        msgspec.structs.replace(sample_entry(2), served=elsewhere),
        sample_entry(3),
    )
    assert batch.served == [1, 0, 2, 1]
    assert [facts[0] for facts in batch.facts] == ["bailian/qwen3-max"] * 2


def test_a_batch_without_some_adds_what_the_others_add() -> None:
    entries = [sample_entry(number) for number in range(4)]
    assert places(*entries).without({entries[1].id, entries[3].id}) == places(entries[0], entries[2])
    assert places(*entries).without(set()) == places(*entries)
    assert places(*entries).without({entry.id for entry in entries}).added == []


def test_it_is_the_same_after_a_way_through_a_pipe() -> None:
    batch = places(*(sample_entry(number) for number in range(3)))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=Batch) == batch


def test_arrays_are_written_as_postgresql_reads_them() -> None:
    assert array_of(["a", "财务"]) == '{"a","财务"}'
    assert array_of(['say "so"', "back\\slash", ""]) == '{"say \\"so\\"","back\\\\slash",""}'
    assert array_of(['","', "b"]) == '{"\\",\\"","b"}'
    assert array_of([1, 2.5, -3]) == "{1,2.5,-3}"
    assert array_of([]) == "{}"

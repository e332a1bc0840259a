"""What was erased does not come back with what arrives later: beside what `check_ledger` promises, in both databases."""

from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.store import SpoolProgress

LATER_NS = FIRST_NS + 3_600_000_000_000


def of_key(number: int, key: str) -> Entry:
    return msgspec.structs.replace(sample_entry(number), key=key, team=None)


def test_what_lay_in_the_spool_of_another_machine_stays_away(place: LedgerPlace, tmp_path: Path) -> None:
    elsewhere = LedgerPlace(tmp_path / "elsewhere", place.database)
    with SpoolWriter(elsewhere.directory, "gateway-0") as spool:
        spool.append(of_key(0, "gone"))
        spool.append(of_key(1, "stays"))
        spool.append(Outcome("o", sample_entry(0).id, LATER_NS + 1, "judge", "kimi-k2", 0.5))
        spool.append(Outcome("p", sample_entry(1).id, LATER_NS + 1, "judge", "kimi-k2", 0.5))
    with place.open_store() as store:
        assert store.forget("key", "gone", LATER_NS) == 0
        assert Ingester(store, elsewhere.directory).run_once() == 1
        assert [group.values for group in store.totals_by(("key",))] == [("stays",)]
        assert [one.exchange for _, one in store.outcomes_after(0)] == [sample_entry(1).id]
        assert store.verify().sound
    assert not list(elsewhere.directory.glob("spool/*"))


def test_a_key_of_the_same_name_made_later_is_taken_in(store: RelationalStore) -> None:
    store.forget("key", "k", FIRST_NS)
    assert store.insert([of_key(0, "k"), of_key(1, "k")]) == 1
    later = Outcome("later", sample_entry(1).id, FIRST_NS + 1, "user", "k", 1.0)
    store.insert_documents([], [later, msgspec.structs.replace(later, id="before", given_ns=FIRST_NS)])
    assert [one for _, one in store.outcomes_after(0)] == [later]


def test_a_judge_called_as_a_forgotten_key_is_believed(store: RelationalStore) -> None:
    store.insert([of_key(0, "other")])
    store.forget("key", "kimi-k2", LATER_NS)
    judged = Outcome("o", sample_entry(0).id, FIRST_NS, "judge", "kimi-k2", 0.5)
    store.insert_documents([], [judged])
    assert [one for _, one in store.outcomes_after(0)] == [judged]


def test_ids_go_by_age_and_erasures_do_not(store: RelationalStore) -> None:
    store.insert([of_key(0, "gone")])
    store.forget("key", "gone", LATER_NS)
    assert store.ask("SELECT id FROM forgotten_exchanges") == [(sample_entry(0).id,)]
    store.drop_before("2027-01-01")
    assert store.ask("SELECT count(*) FROM forgotten_exchanges") == [(0,)]
    assert store.insert([of_key(0, "gone")]) == 0


def test_what_is_turned_away_leaves_only_its_id(store: RelationalStore) -> None:
    store.forget("key", "gone", LATER_NS)
    progress = SpoolProgress("elsewhere.spool", offset=10, entries=1)
    assert store.insert([of_key(0, "gone")], after=progress) == 0
    for table in ("entries", "attempts", "documents", "served", "daily_key"):
        assert store.ask(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert store.ask("SELECT id FROM forgotten_exchanges") == [(sample_entry(0).id,)]

"""What both databases do with content: kept once, found, counted, forgotten for good, dropped in time."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.content.seal import Seals, make_key, read_key
from entrepot.ledger.content.store import ContentStore, Holding
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.store import SpoolProgress
from tests.ledger.content.samples import BEGAN_NS, SECOND_NS, kept


@pytest.fixture
def contents(place: LedgerPlace) -> Iterator[ContentStore]:
    """An empty store of content, in each database."""
    with place.open_content() as store:
        yield store


def test_what_is_kept_is_found_as_it_was_and_once(contents: ContentStore) -> None:
    record = kept(1, team="red")
    assert contents.insert([record, kept(2)]) == 2
    assert contents.insert([record]) == 0
    assert contents.find(record.id) == record
    assert contents.find("exchange-nobody-made") is None


def test_a_store_is_opened_again_with_what_it_held(place: LedgerPlace) -> None:
    with place.open_content() as store:
        store.insert([kept(1)])
    assert place.holds_content()
    with place.open_content() as store:
        assert store.find(kept(1).id) == kept(1)


def test_a_spool_is_ingested_from_where_it_was_left(contents: ContentStore) -> None:
    first, second = SpoolProgress("s.spool", 10, 1), SpoolProgress("s.spool", 20, 2, 1, 5)
    contents.insert([kept(1)], None, first)
    assert contents.insert([kept(2)], first, second) == 1
    assert contents.spool_progress() == {"s.spool": second}
    with pytest.raises(LedgerError, match="ingested by another process"):
        contents.insert([kept(3)], first, SpoolProgress("s.spool", 30, 3))
    assert contents.find(kept(3).id) is None


def test_a_page_after_the_other_gives_all_in_order_of_time(contents: ContentStore) -> None:
    records = [kept(number) for number in range(250)]
    same_moment = [msgspec.structs.replace(kept(7), id=f"exchange-also-{number}") for number in range(3)]
    stub = msgspec.structs.replace(kept(900), form="too_long", body=b"", length=0)
    contents.insert([*reversed(records), *same_moment, stub])
    found = [record.id for record in contents.each()]
    assert found == [one.id for one in sorted((*records, *same_moment), key=lambda one: (one.started_ns, one.id))]
    between = contents.each(BEGAN_NS + 10 * SECOND_NS, BEGAN_NS + 12 * SECOND_NS)
    assert [record.id for record in between] == ["exchange-0010", "exchange-0011"]


def test_how_much_is_kept_is_told_by_route_and_key(contents: ContentStore) -> None:
    assert contents.holdings() == ()
    seals = Seals(read_key(make_key(), "env:KEY"))
    sealed = kept(3, route="b", seals=seals)
    stub = msgspec.structs.replace(kept(5), form="too_long", body=b"", length=0)
    contents.insert([kept(1), kept(2), sealed, stub])
    size = len(kept(1).body) + len(kept(2).body)
    assert set(contents.holdings()) == {
        Holding("auto", None, 2, 1, size, BEGAN_NS + SECOND_NS, BEGAN_NS + 5 * SECOND_NS),
        Holding("b", seals.current, 1, 0, len(sealed.body), BEGAN_NS + 3 * SECOND_NS, BEGAN_NS + 3 * SECOND_NS),
    }


def test_who_is_forgotten_is_gone_and_others_are_not(contents: ContentStore) -> None:
    contents.insert([kept(1), kept(2, key="bob"), kept(3, key="carol", team="red"), kept(4)])
    now_ns = BEGAN_NS + 100 * SECOND_NS
    assert contents.forget("key", "alice", now_ns) == 2
    assert contents.forget("team", "red", now_ns) == 1
    assert [record.id for record in contents.each()] == ["exchange-0002"]
    assert contents.forget("id", "exchange-0002", now_ns) == 1
    assert contents.forget("id", "exchange-0002", now_ns) == 0
    assert contents.holdings() == ()


@pytest.mark.parametrize(("whose", "name"), [("key", "alice"), ("team", "red"), ("id", "exchange-0001")])
def test_what_arrives_late_from_another_spool_stays_forgotten(contents: ContentStore, whose: str, name: str) -> None:
    late, after = kept(1, team="red"), kept(50, team="red")
    contents.forget(whose, name, BEGAN_NS + 10 * SECOND_NS)  # type: ignore[arg-type]  # one of the three words
    assert contents.insert([late, after]) == 1
    assert [record.id for record in contents.each()] == [after.id]


def test_a_clock_that_is_behind_does_not_take_back_what_was_forgotten(contents: ContentStore) -> None:
    contents.forget("key", "alice", BEGAN_NS + 10 * SECOND_NS)
    contents.forget("key", "alice", BEGAN_NS)
    assert contents.insert([kept(1)]) == 0


def test_a_name_like_that_of_another_kind_forgets_nobody_else(contents: ContentStore) -> None:
    contents.forget("team", "alice", BEGAN_NS + 10 * SECOND_NS)
    assert contents.insert([kept(1)]) == 1


def test_what_is_past_its_time_or_began_too_early_is_dropped(contents: ContentStore) -> None:
    contents.insert([kept(1, keep_days=1), kept(2, keep_days=30), kept(90_000, keep_days=30)])
    now_s = (BEGAN_NS // SECOND_NS) + 2 * 86_400
    assert contents.drop(now_s, 0) == 1
    assert contents.drop(now_s, BEGAN_NS + 3 * SECOND_NS) == 1
    assert [record.id for record in contents.each()] == ["exchange-90000"]


def test_a_record_is_replaced_where_it_is(contents: ContentStore) -> None:
    contents.insert([kept(1)])
    other = msgspec.structs.replace(kept(1), form="said", sealed_by="0badcafe", body=b"sealed", length=3)
    assert contents.replace(other)
    assert contents.find(other.id) == other
    assert not contents.replace(kept(2))

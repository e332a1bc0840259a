"""What both databases promise; what is their own is in test_sqlite.py and test_postgres.py."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from entrepot.control.objects import Snapshot
from entrepot.control.place import ControlPlace
from entrepot.control.store import Actor, ControlStore
from entrepot.errors import ControlError
from entrepot.policy.rules import Facts, Rule
from entrepot.policy.teams import Team
from tests.control.books import ALICE, NOON_S, a_key, a_store, at
from tests.control.conftest import WriteObject


def test_what_is_kept_is_read_again(store: ControlStore, place: ControlPlace) -> None:
    rule = Rule("数据不出境", require=Facts(region=("CN",)))
    with at(store) as book:
        book.put("team", "法务", Team("法务"), "create")
        book.put("rule", rule.name, rule, "create")
    key, _ = a_key(store)
    with place.open_reader() as found:
        assert found.snapshot() == Snapshot(3, keys=(key,), teams=(Team("法务"),), rules=(rule,))


def test_a_change_that_fails_has_not_happened(store: ControlStore) -> None:
    def fail() -> None:
        with at(store) as book:
            book.put("team", "a", Team("a"), "create")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - of this test's own
        fail()
    assert store.snapshot() == Snapshot()
    assert store.changes() == ()


def test_every_change_leaves_who_when_before_and_after(store: ControlStore) -> None:
    with at(store, 1) as book:
        book.put("team", "a", Team("a"), "create")
    with store.change(Actor("bob", "oidc"), 2_000_000_000) as book:
        book.put("team", "a", Team("a", "b"), "update")
        book.put("team", "a", Team("a", "b"), "update")  # is no change
        book.remove("team", "a")
        book.remove("team", "a")
    trail = [
        (one.at_ns, one.who, one.via, one.action, one.kind, one.name, *map(_decoded, (one.before, one.after)))
        for one in store.changes()
    ]
    alone = {"name": "a", "parent": None, "weight": 1.0}
    below = {**alone, "parent": "b"}
    assert trail == [
        (2_000_000_000, "bob", "oidc", "delete", "team", "a", below, None),
        (2_000_000_000, "bob", "oidc", "update", "team", "a", alone, below),
        (1_000_000_000, ALICE.who, "key", "create", "team", "a", None, alone),
    ]
    assert [one.seq for one in store.changes(before_seq=3, limit=1)] == [2]
    assert store.changes(kind="key") == store.changes(name="b") == ()


def _decoded(raw: msgspec.Raw | None) -> object:
    return None if raw is None else msgspec.json.decode(raw)


def test_no_digest_is_in_the_trail(store: ControlStore) -> None:
    key, text = a_key(store)
    (change,) = store.changes()
    after = bytes(change.after or b"").decode()
    assert key.secrets[0].sha256 not in after
    assert text not in after
    assert key.secrets[0].prefix in after


def test_a_reader_sees_that_another_has_written(store: ControlStore, place: ControlPlace) -> None:
    with place.open_reader() as reader:
        before = reader.state()
        assert reader.state() == before
        a_key(store)
        assert reader.state() != before


def test_writers_wait_for_each_other(place: ControlPlace) -> None:
    def write(names: str) -> None:
        with place.open_store() as own:
            for name in names:
                a_key(own, name)

    place.make()
    threads = [threading.Thread(target=write, args=(names,)) for names in ("abcdefgh", "ijklmnop", "qrstuvwx")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with place.open_store() as own:
        assert own.snapshot().version == 24
        assert len(own.snapshot().keys) == 24


def test_what_is_looked_at_is_of_one_moment(store: ControlStore, place: ControlPlace) -> None:
    with store.look(0) as book, place.open_store() as other:
        before = book.snapshot()
        a_key(other)
        assert book.snapshot() == before
    assert store.snapshot().version == 1


def test_whether_something_was_ever_there_outlives_it(store: ControlStore) -> None:
    with at(store) as book:
        assert not book.was_ever("team")
        book.put("team", "a", Team("a"), "create")
        book.remove("team", "a")
    with at(store) as book:
        assert book.was_ever("team")
        assert book.was_ever("team", "a")
        assert not book.was_ever("team", "b")
        assert book.find(Team, "team", "a") is None


def test_an_empty_store_takes_over_another_with_its_trail(store: ControlStore, tmp_path: Path) -> None:
    with a_store(tmp_path / "other") as other:
        a_key(other, "网站")
        with at(other) as book:
            book.put("team", "a", Team("a"), "create")
            book.remove("team", "a")
        assert store.take_over(other)
        assert store.snapshot() == other.snapshot()
        assert store.changes() == other.changes()
        a_key(other, "later")
        assert not store.take_over(other)
        assert [key.name for key in store.snapshot().keys] == ["网站"]
    a_key(store, "next")
    assert [change.seq for change in store.changes()] == [4, 3, 2, 1]


def test_what_somebody_wrote_is_data_whatever_it_looks_like(store: ControlStore) -> None:
    odd = "%s ? {objects} '; DROP TABLE objects; --"
    with at(store) as book:
        book.put("team", odd, Team(odd), "create")
        assert book.find(Team, "team", odd) == Team(odd)
    assert [team.name for team in store.snapshot().teams] == [odd]


@pytest.mark.parametrize(("kind", "body"), [("team", '{"name": 1}'), ("team", "{"), ("spell", "{}")])
def test_an_object_of_another_shape_is_told(
    kind: str, body: str, store: ControlStore, write_object: WriteObject
) -> None:
    write_object(kind, body)
    with pytest.raises(ControlError, match="version"):
        store.snapshot()


def test_a_moment_is_that_of_the_change(store: ControlStore) -> None:
    with at(store, NOON_S + 0.5) as book:
        assert book.now_s == NOON_S + 0.5

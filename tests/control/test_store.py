from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import msgspec
import pytest

from entrepot.control.objects import Snapshot
from entrepot.control.store import Actor, ControlStore, control_path, open_control, open_control_reader
from entrepot.errors import ControlError
from entrepot.policy.rules import Facts, Rule
from entrepot.policy.teams import Team
from tests.control.books import ALICE, NOON_S, a_key, a_store, at


def test_what_is_kept_is_read_again(store: ControlStore, tmp_path: Path) -> None:
    rule = Rule("数据不出境", require=Facts(region=("CN",)))
    with at(store) as book:
        book.put("team", "法务", Team("法务"), "create")
        book.put("rule", rule.name, rule, "create")
    key, _ = a_key(store)
    found = open_control_reader(tmp_path)
    assert found.snapshot() == Snapshot(3, keys=(key,), teams=(Team("法务"),), rules=(rule,))
    found.close()


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


def test_the_trail_cannot_be_rewritten(store: ControlStore, tmp_path: Path) -> None:
    a_key(store)
    connection = sqlite3.connect(control_path(tmp_path))
    for statement in ("UPDATE changes SET who = 'nobody'", "DELETE FROM changes"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            connection.execute(statement)
    connection.close()


def test_no_digest_is_in_the_trail(store: ControlStore) -> None:
    key, text = a_key(store)
    (change,) = store.changes()
    after = bytes(change.after or b"").decode()
    assert key.secrets[0].sha256 not in after
    assert text not in after
    assert key.secrets[0].prefix in after


def test_the_file_is_its_owners_alone(store: ControlStore, tmp_path: Path) -> None:
    a_key(store)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reader_sees_that_another_has_written(store: ControlStore, tmp_path: Path) -> None:
    reader = open_control_reader(tmp_path)
    before = reader.data_version()
    assert reader.data_version() == before
    a_key(store)
    assert reader.data_version() != before
    with pytest.raises(ControlError, match="readonly"):
        a_key(reader, "other")
    reader.close()


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    def write(names: str) -> None:
        with a_store(tmp_path) as own:
            for name in names:
                a_key(own, name)

    open_control(tmp_path).close()
    threads = [threading.Thread(target=write, args=(names,)) for names in ("abcdefgh", "ijklmnop", "qrstuvwx")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with a_store(tmp_path) as own:
        assert own.snapshot().version == 24
        assert len(own.snapshot().keys) == 24


def test_what_cannot_be_read_is_told_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="there is no control store at"):
        open_control_reader(tmp_path)
    control_path(tmp_path).write_bytes(b"this is no database, whatever it is called" * 100)
    for open_it in (open_control, open_control_reader):
        with pytest.raises(ControlError, match=r"control\.sqlite cannot be used"):
            open_it(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ControlError, match="cannot make the control store"):
        open_control(tmp_path / "file" / "below")


@pytest.mark.parametrize(("kind", "body"), [("team", '{"name": 1}'), ("team", "{"), ("spell", "{}")])
def test_an_object_of_another_shape_is_told(kind: str, body: str, store: ControlStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(control_path(tmp_path))
    connection.execute("INSERT INTO objects VALUES (?, 'x', ?)", (kind, body))
    connection.commit()
    connection.close()
    with pytest.raises(ControlError, match="version"):
        store.snapshot()


def test_a_moment_is_that_of_the_change(store: ControlStore) -> None:
    with at(store, NOON_S + 0.5) as book:
        assert book.now_s == NOON_S + 0.5

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.kept_responses import FILE, KeptResponse, ResponseStore, response_id_of

DAY_S = 86_400
NOW_S = 1_800_000_000.0


def kept(number: int, previous: int | None = None) -> KeptResponse:
    return KeptResponse(
        f"resp_{number}",
        None if previous is None else f"resp_{previous}",
        int(NOW_S),
        b'[{"id": "msg_in"}]',
        f'{{"n": {number}, "\u8bf4": "\u597d"}}'.encode(),
        (f"msg_{number}",),
    )


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path, keep_days=3)


def test_what_is_kept_is_found_by_its_key_and_no_other(store: ResponseStore) -> None:
    store.keep("alice", kept(1), NOW_S)
    found = store.find("alice", "resp_1", NOW_S)
    assert found is not None
    assert (found.response, found.input, found.previous_id) == (kept(1).response, kept(1).input, None)
    assert store.find("bob", "resp_1", NOW_S) is None
    assert store.chain("bob", "resp_1", NOW_S) == ()
    assert store.find_by_item("bob", "msg_1", NOW_S) is None
    assert not store.forget("bob", "resp_1")
    assert store.find("alice", "resp_1", NOW_S) is not None


def test_the_same_id_may_be_two_keys_own(store: ResponseStore) -> None:
    store.keep("alice", kept(1), NOW_S)
    store.keep("bob", KeptResponse("resp_1", None, 0, b"[]", b'"of bob"'), NOW_S)
    ours, theirs = store.find("alice", "resp_1", NOW_S), store.find("bob", "resp_1", NOW_S)
    assert ours is not None
    assert theirs is not None
    assert ours.response != theirs.response


def test_a_chain_is_told_from_its_first(store: ResponseStore) -> None:
    for number in range(4):
        store.keep("alice", kept(number, number - 1 if number else None), NOW_S)
    assert [each.id for each in store.chain("alice", "resp_3", NOW_S)] == ["resp_0", "resp_1", "resp_2", "resp_3"]
    assert [each.id for each in store.chain("alice", "resp_1", NOW_S)] == ["resp_0", "resp_1"]


def test_a_chain_with_a_link_that_is_gone_is_none(store: ResponseStore) -> None:
    for number in range(3):
        store.keep("alice", kept(number, number - 1 if number else None), NOW_S)
    assert store.forget("alice", "resp_0")
    assert store.chain("alice", "resp_2", NOW_S) == ()
    assert store.chain("alice", "resp_9", NOW_S) == ()


def test_a_chain_does_not_pass_into_another_keys(store: ResponseStore) -> None:
    store.keep("bob", kept(0), NOW_S)
    store.keep("alice", kept(1, 0), NOW_S)
    assert store.chain("alice", "resp_1", NOW_S) == ()


def test_what_is_past_its_time_is_not_found_and_then_not_there(store: ResponseStore, tmp_path: Path) -> None:
    store.keep("alice", kept(1), NOW_S)
    late_s = NOW_S + 3 * DAY_S + 1
    assert store.find("alice", "resp_1", late_s - 2) is not None
    assert store.find("alice", "resp_1", late_s) is None
    assert store.find_by_item("alice", "msg_1", late_s) is None
    store.keep("bob", kept(2), late_s)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT id FROM responses").fetchall() == [("resp_2",)]
        assert connection.execute("SELECT item_id FROM items").fetchall() == [("msg_2",)]


def test_what_is_continued_is_kept_as_long_as_what_continues_it(store: ResponseStore) -> None:
    store.keep("alice", kept(0), NOW_S)
    store.keep("alice", kept(1, 0), NOW_S + 2 * DAY_S)
    assert len(store.chain("alice", "resp_1", NOW_S + 4 * DAY_S)) == 2


def test_an_item_names_the_response_that_it_belongs_to(store: ResponseStore) -> None:
    store.keep("alice", kept(1), NOW_S)
    found = store.find_by_item("alice", "msg_1", NOW_S)
    assert found is not None
    assert found.id == "resp_1"
    assert store.forget("alice", "resp_1")
    assert not store.forget("alice", "resp_1")
    assert store.find_by_item("alice", "msg_1", NOW_S) is None


def test_several_processes_share_the_file(store: ResponseStore, tmp_path: Path) -> None:
    others = [ResponseStore(tmp_path, keep_days=3) for _ in range(4)]

    def keep(number: int, other: ResponseStore) -> None:
        for n in range(10):
            other.keep("alice", kept(number * 10 + n), NOW_S)

    threads = [threading.Thread(target=keep, args=(number, other)) for number, other in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(store.find("alice", f"resp_{n}", NOW_S) is not None for n in range(40))


def test_prompts_are_for_the_files_owner_alone(store: ResponseStore, tmp_path: Path) -> None:
    store.keep("alice", kept(1), NOW_S)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob(f"{FILE}*"))


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, but long enough to be looked at as one" * 40)
    with pytest.raises(LedgerError, match=FILE):
        ResponseStore(tmp_path, keep_days=3)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    ResponseStore(tmp_path, keep_days=3)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer version"):
        ResponseStore(tmp_path, keep_days=3)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=FILE):
        ResponseStore(tmp_path / "file" / "below", keep_days=3)


def test_a_key_that_is_forgotten_keeps_nothing(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, 30)
    for key in ("a", "b"):
        for number in range(3):
            store.keep(key, KeptResponse(f"r{number}", None, 0, b"[]", b"{}", (f"i{number}",)), 0)
    assert store.forget_key("a") == 3
    assert store.forget_key("a") == 0
    assert store.find_by_item("a", "i1", 0) is None
    assert store.find_by_item("b", "i1", 0) is not None


def test_the_responses_of_some_exchanges_are_forgotten_and_leave_no_trace(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, keep_days=3)
    ids = [f"019b0000-0000-7000-8000-{number:012x}" for number in range(3)]
    for each in ids:
        words = f'"a secret of {each}"'.encode()
        store.keep("a", KeptResponse(response_id_of(each), None, int(NOW_S), b"[]", words, (f"msg_{each}",)), NOW_S)
    assert store.forget_exchanges([("a", ids[0]), ("a", ids[1]), ("b", ids[2])]) == 2
    assert [store.find("a", response_id_of(each), NOW_S) is None for each in ids] == [True, True, False]
    assert store.find_by_item("a", f"msg_{ids[0]}", NOW_S) is None
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [f"a secret of {each}".encode() in written for each in ids] == [False, False, True]


def test_the_response_of_one_exchange_is_forgotten_whoever_it_belongs_to(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, keep_days=3)
    ids = [f"019b0000-0000-7000-8000-{number:012x}" for number in range(2)]
    for each in ids:
        kept = KeptResponse(response_id_of(each), None, int(NOW_S), b"[]", f'"a secret of {each}"'.encode(), (each,))
        store.keep("a", kept, NOW_S)
    assert [store.forget_exchange(ids[0]), store.forget_exchange(ids[0])] == [1, 0]
    assert [store.find_by_item("a", each, NOW_S) is None for each in ids] == [True, False]


def test_what_is_forgotten_is_in_no_file_though_another_program_has_the_file_open(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, keep_days=3)
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("SELECT count(*) FROM responses").fetchone()  # so that closing ours leaves the write-ahead log
        store.keep("a", KeptResponse("resp_1", None, int(NOW_S), b"[]", b'"a secret"', ()), NOW_S)
        assert store.forget("a", "resp_1")
        assert all(b"a secret" not in path.read_bytes() for path in tmp_path.iterdir())

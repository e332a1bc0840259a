"""A backlog is taken in with a second process reading ahead: once, wholly, whatever becomes of that process."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.outcome import Outcome
from entrepot.ledger import ingest
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.frames import frame
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.postgres import PostgresStore
from entrepot.ledger.preparing import Finished, Prepared, main, prepare, prepare_ahead
from entrepot.ledger.spool import claim_finished, list_spools, spool_folder
from entrepot.ledger.store import SpoolProgress
from tests.postgres_server import PostgresServer


def spool_of(directory: Path, name: str, *records: bytes) -> Path:
    """A finished spool file."""
    spool_folder(directory).mkdir(parents=True, exist_ok=True)
    path = spool_folder(directory) / f"{name}.spool"
    path.write_bytes(b"".join(map(frame, records)))
    return path


def encoded(*numbers: int) -> list[bytes]:
    return [msgspec.msgpack.encode(sample_entry(number)) for number in numbers]


def finished(*paths: Path) -> Iterator[Finished]:
    for path in paths:
        claim = claim_finished(path)
        assert claim is not None
        yield Finished(path, SpoolProgress(path.name), claim)


@pytest.fixture
def store(postgres: PostgresServer) -> Iterator[PostgresStore]:
    with PostgresStore(postgres.make_database()) as store:
        yield store


@pytest.fixture
def any_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little waits is worth a second process."""
    monkeypatch.setattr(ingest, "_BACKLOG_BYTES", 1)


@pytest.mark.usefixtures("any_backlog")
def test_a_backlog_is_taken_in_once(store: PostgresStore, tmp_path: Path) -> None:
    said = Outcome("o", sample_entry(2).id, FIRST_NS, "judge", "kimi-k2", 0.5)
    spool_of(tmp_path, "a", *encoded(0, 1))
    spool_of(tmp_path, "b", *encoded(1, 2), msgspec.msgpack.encode(said))
    spool_of(tmp_path, "c", *encoded(3, 3))
    heard: list[str] = []
    ingester = Ingester(store, tmp_path)
    ingester.heard.append(lambda entries: heard.extend(entry.id for entry in entries))
    assert (ingester.run_once(), ingester.run_once()) == (4, 0)
    assert list_spools(tmp_path) == []
    assert sorted(set(heard)) == [sample_entry(number).id for number in range(4)]
    assert [one for _, one in store.outcomes_after(0)] == [said]
    assert store.spool_progress()["b.spool"].entries == 2
    assert store.find(sample_entry(3).id) == sample_entry(3)
    assert store.verify().sound


@pytest.mark.usefixtures("any_backlog")
def test_a_damaged_file_of_a_backlog_is_read_here_and_told(
    store: PostgresStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool_of(tmp_path, "a", *encoded(0))
    path = spool_of(tmp_path, "b", *encoded(1), b"\x93\x01\x02\x03", *encoded(2))
    spool_of(tmp_path, "c", *encoded(3))
    assert Ingester(store, tmp_path).run_once() == 4
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert store.spool_progress()["b.spool"].damaged == 1
    assert path.with_name("b.spool.damaged").exists()


@pytest.mark.usefixtures("any_backlog")
def test_without_the_other_process_a_backlog_is_taken_in_all_the_same(
    store: PostgresStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    for number in range(3):
        spool_of(tmp_path, f"s{number}", *encoded(number))
    assert Ingester(store, tmp_path).run_once() == 3
    assert list_spools(tmp_path) == []


@pytest.mark.usefixtures("any_backlog")
def test_a_file_that_is_still_written_waits_for_its_own_turn(store: PostgresStore, tmp_path: Path) -> None:
    spool_of(tmp_path, "a", *encoded(0))
    path = spool_of(tmp_path, "b", *encoded(1))
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert Ingester(store, tmp_path).run_once() == 2
    assert list_spools(tmp_path) == [path]


def test_a_file_that_was_read_in_part_is_prepared_from_there(tmp_path: Path) -> None:
    path = spool_of(tmp_path, "a", *encoded(0, 1))
    first = SpoolProgress(path.name, offset=len(frame(encoded(0)[0])), entries=1)
    prepared = prepare(path, first)
    assert prepared is not None
    ((batch, outcomes, after),) = prepared
    assert (batch.ids(), outcomes) == ([sample_entry(1).id], [])
    assert after == SpoolProgress(path.name, path.stat().st_size, 2)


def test_what_cannot_be_read_is_not_prepared(tmp_path: Path) -> None:
    assert prepare(tmp_path / "gone.spool", SpoolProgress("gone.spool")) is None
    torn = spool_of(tmp_path, "torn", *encoded(0, 1))
    torn.write_bytes(torn.read_bytes()[:-3])
    assert prepare(torn, SpoolProgress(torn.name)) is None


def test_claims_are_let_go_of_whatever_happens(tmp_path: Path) -> None:
    paths = [spool_of(tmp_path, f"s{number}", *encoded(number)) for number in range(3)]
    claims: list[Finished] = []
    with pytest.raises(RuntimeError, match="the ledger is away"):
        take_until_it_fails(paths, claims)
    assert len(claims) == 2  # the one that was taken in, and the one that was being prepared
    for path in paths:
        again = claim_finished(path)
        assert again is not None
        os.close(again)


def take_until_it_fails(paths: list[Path], claims: list[Finished]) -> None:
    def noted() -> Iterator[Finished]:
        for file in finished(*paths):
            claims.append(file)
            yield file

    files = prepare_ahead(noted())
    try:
        for file, prepared in files:
            assert (file.path, len(prepared)) == (paths[0], 1)
            raise RuntimeError("the ledger is away")
    finally:
        files.close()


def test_every_request_has_one_answer(tmp_path: Path) -> None:
    path = spool_of(tmp_path, "a", *encoded(0))
    requests = [
        msgspec.json.encode({"path": str(each), "progress": SpoolProgress(each.name)}) + b"\n"
        for each in (path, tmp_path / "gone.spool")
    ]
    answers = io.BytesIO()
    main(io.BytesIO(b"".join(requests)), answers)
    told = answers.getvalue()
    length = int.from_bytes(told[:8], "little")
    ((batch, _, _),) = msgspec.msgpack.decode(told[8 : 8 + length], type=list[Prepared])
    assert batch.documents == encoded(0)
    assert told[8 + length :] == bytes(8)

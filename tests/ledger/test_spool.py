from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.frames import Damage, frame
from entrepot.ledger.spool import SpoolWriter, claim_finished, list_spools, read_spool
from tests.ledger.victim import Victim


def entries_in(directory: Path) -> list[Entry]:
    return [
        record
        for path in list_spools(directory)
        for record, _ in read_spool(path, ended=True)
        if isinstance(record, Entry)
    ]


def test_an_entry_is_read_back_as_it_was_appended(tmp_path: Path) -> None:
    written = [sample_entry(number) for number in range(3)]
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        for entry in written:
            spool.append(entry)
        assert entries_in(tmp_path) == written


def test_reading_goes_on_from_the_offset_it_was_left_at(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        spool.append(sample_entry(0))
        ((_, offset),) = list(read_spool(spool.path))
        assert list(read_spool(spool.path, offset)) == []
        spool.append(sample_entry(1))
        assert [record for record, _ in read_spool(spool.path, offset)] == [sample_entry(1)]


def test_a_file_is_claimed_only_when_its_writer_is_gone(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, "gateway-0")
    spool.append(sample_entry(0))
    assert claim_finished(spool.path) is None
    spool.close()
    claim = claim_finished(spool.path)
    assert claim is not None
    os.close(claim)


def test_a_full_file_is_left_for_a_new_one(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0", rotate_bytes=4000) as spool:
        for number in range(12):
            spool.append(sample_entry(number))
        files = list_spools(tmp_path)
        assert len(files) > 2
        assert all(path.stat().st_size <= 4000 for path in files)
        claims = [claim_finished(path) for path in files if path != spool.path]
        assert None not in claims
        for claim in claims:
            os.close(claim or -1)
    assert sorted(entry.id for entry in entries_in(tmp_path)) == [sample_entry(n).id for n in range(12)]


def test_a_writer_whose_file_was_deleted_goes_on_in_a_new_one(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0", look_every_s=0.0) as spool:
        spool.append(sample_entry(0))
        spool.path.unlink()
        spool.path.parent.rmdir()
        spool.append(sample_entry(1))
    assert entries_in(tmp_path) == [sample_entry(1)]


@pytest.mark.parametrize("name", ["", "../escape", "a/b", ".hidden", "网关"])
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LedgerError, match="spool name"):
        SpoolWriter(tmp_path, name)


def test_fsync_durability_writes_the_same_bytes(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, "gateway-0", durability="fsync") as spool:
        spool.append(sample_entry(0))
    assert entries_in(tmp_path) == [sample_entry(0)]


@pytest.mark.parametrize(
    "entry",
    [
        msgspec.structs.replace(sample_entry(0), usage=Usage(input_tokens=1 << 70)),
        msgspec.structs.replace(sample_entry(0), asked_model="\ud800"),
    ],
    ids=["an integer beyond 64 bits", "a lone surrogate"],
)
def test_an_entry_that_cannot_be_encoded_is_a_ledger_error(tmp_path: Path, entry: Entry) -> None:
    with SpoolWriter(tmp_path, "gateway-0") as spool:
        with pytest.raises(LedgerError, match="cannot be written"):
            spool.append(entry)
        spool.append(sample_entry(1))
    assert entries_in(tmp_path) == [sample_entry(1)]


def test_a_full_disk_is_a_ledger_error_and_leaves_no_half_record(tmp_path: Path) -> None:
    # The limit on a file's size stands for the disk's: the kernel writes what fits, then nothing.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    record = len(frame(msgspec.msgpack.encode(sample_entry(0))))
    try:
        with SpoolWriter(tmp_path, "gateway-0") as spool:
            spool.append(sample_entry(0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (record + 100, before[1]))
            with pytest.raises(LedgerError, match=r"only 100 bytes .* make room on its disk"):
                spool.append(sample_entry(1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (record, before[1]))
            with pytest.raises(LedgerError, match=os.strerror(errno.EFBIG)):
                spool.append(sample_entry(1))
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            spool.append(sample_entry(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert entries_in(tmp_path) == [sample_entry(0), sample_entry(2)]


def test_an_unknown_record_is_reported_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "old.spool"
    path.parent.mkdir()
    first, second = frame(msgspec.msgpack.encode({"id": 7})), frame(msgspec.msgpack.encode(sample_entry(0)))
    path.write_bytes(first + second)
    records = [record for record, _ in read_spool(path)]
    assert records == [Damage("undecodable", 12, len(first) - 12), sample_entry(0)]


def test_a_field_that_a_later_version_added_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "newer.spool"
    path.parent.mkdir()
    newer = {**msgspec.to_builtins(sample_entry(0)), "invented_later": [1, 2]}
    path.write_bytes(frame(msgspec.msgpack.encode(newer)))
    assert [record for record, _ in read_spool(path)] == [sample_entry(0)]


@pytest.mark.end_to_end
def test_no_entry_whose_append_returned_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for kill in range(12):
        with Victim(tmp_path, kill * 1_000_000, rotate_bytes=1 << 24 if kill % 2 else 6000) as victim:
            victim.wait_for(20 + 37 * kill)
            acknowledged.update(victim.kill())
    assert len(acknowledged) > 12 * 20
    found = {entry.id for entry in entries_in(tmp_path)}
    assert {sample_entry(number).id for number in acknowledged} - found == set()
    assert len(found) - len(acknowledged) <= 12  # written, and killed before it could say so
    for path in list_spools(tmp_path):
        claim = claim_finished(path)
        assert claim is not None
        os.close(claim)

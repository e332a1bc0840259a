"""`ledger/spool.py` where the disk is full: what was set aside is written to, in full, and nothing is left half written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.spool import SpoolWriter, list_spools, read_spool
from tests.small_disk import fill, small_disk

ROTATE, RESERVE = 64 * 1024, 128 * 1024


def ids_in(directory: Path) -> list[str]:
    return [
        record.id
        for path in list_spools(directory)
        for record, _ in read_spool(path, ended=True)
        if isinstance(record, Entry)
    ]


def append_until_full(spool: SpoolWriter, first: int = 0) -> list[str]:
    written: list[str] = []
    with pytest.raises(LedgerError, match="make room on its disk"):  # noqa: PT012 - until it is raised
        while True:
            entry = sample_entry(first + len(written))
            spool.append(entry)
            written.append(entry.id)
    return written


def test_what_was_set_aside_is_still_written_when_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        with SpoolWriter(disk, "gateway-0", rotate_bytes=ROTATE, reserve_bytes=RESERVE) as spool:
            spool.append(sample_entry(10_000))
            fill(disk)
            written = append_until_full(spool)
            assert spool.path.stat().st_size > ROTATE + RESERVE - 4096
            assert len(list_spools(disk)) == 1
        assert ids_in(disk) == [sample_entry(10_000).id, *written]


def test_without_anything_set_aside_the_same_disk_takes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk, SpoolWriter(disk, "gateway-0", rotate_bytes=ROTATE) as spool:
        fill(disk)
        assert append_until_full(spool) == []


def test_it_goes_on_in_new_files_once_there_is_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        with SpoolWriter(disk, "gateway-0", rotate_bytes=ROTATE, reserve_bytes=RESERVE) as spool:
            ballast = fill(disk)
            before = append_until_full(spool)
            ballast.unlink()
            spool.append(sample_entry(20_000))
            assert len(list_spools(disk)) == 2
        assert sorted(ids_in(disk)) == sorted([*before, sample_entry(20_000).id])


def test_a_gateway_starts_on_a_disk_without_room_to_set_aside_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 128) as disk:
        with SpoolWriter(disk, "gateway-0", rotate_bytes=ROTATE, reserve_bytes=RESERVE) as spool:
            spool.append(sample_entry(0))
        assert ids_in(disk) == [sample_entry(0).id]
    assert "no room on the disk is set aside" in caplog.text


def test_with_fsync_every_entry_is_on_the_disk_before_it_counts_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    really = os.fdatasync

    def fdatasync(fd: int) -> None:
        really(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with SpoolWriter(tmp_path, "gateway-0", durability="fsync") as spool:
        sizes = []
        for number in range(3):
            spool.append(sample_entry(number))
            sizes.append(spool.path.stat().st_size)
    assert synced == sizes
    with SpoolWriter(tmp_path, "gateway-1") as spool:
        spool.append(sample_entry(4))
    assert len(synced) == 3

from __future__ import annotations

import os
from pathlib import Path

import pytest

from entrepot.errors import DataError
from entrepot.learning.journal import Answered, Failed, Journal, Judged, Record

ANSWER = Answered("p", "cheap/small", "d", "e", "2026-11-22T08:00:00Z", "七十二万元", 10, 20, 9000, 31.5)
RECORDS: list[Record] = [
    ANSWER,
    Failed("p", "dear/large", "d", "e", "2026-11-22T08:00:00Z", 503, "overloaded", None),
    Judged("p", "cheap/small", "d", "judge", "e", "2026-11-22T08:00:00Z", 0.5, 100),
]


def test_records_are_there_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "deep" / "j.jsonl") as journal:
        for record in RECORDS:
            journal.append(record)
    with Journal(tmp_path / "deep" / "j.jsonl") as journal:
        assert journal.records == RECORDS


def test_half_a_record_is_cut_off_and_the_next_follows_the_whole_ones(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.append(ANSWER)
    whole = path.read_bytes()
    for length in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + whole[:length])
        with Journal(path) as journal:
            assert journal.records == [ANSWER]
            journal.append(RECORDS[1])
        with Journal(path) as journal:
            assert journal.records == RECORDS[:2]
        path.write_bytes(whole)


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl"), pytest.raises(DataError, match="being written by another collection"):
        Journal(tmp_path / "j.jsonl")


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"prompt_id": "a", "correct": 1}\n')
    with pytest.raises(DataError, match=r"line 1: not a record of a collection"):
        Journal(path)
    assert path.read_text() == '{"prompt_id": "a", "correct": 1}\n'


def test_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl"):
        assert (tmp_path / "j.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.append(ANSWER)
        whole = path.read_bytes()
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        with pytest.raises(OSError, match="no room"):
            journal.append(ANSWER)
    assert path.read_bytes() == whole

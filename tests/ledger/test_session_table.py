"""The table of sessions: what is found was kept, by whichever process; what is damaged counts as empty."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import LedgerError
from entrepot.ledger.session_table import FILE, SessionTable
from entrepot.routing.session import Remembered

REMEMBERED = Remembered(
    2**64 - 1, 2**32 - 1, 5, 1_800_000_000.123, 123_456, 300, 2**32 - 1, 2, 1, True, 3, bytes(range(16)), 0xBEEF
)
keys = st.binary(min_size=16, max_size=16)
whole = st.integers(0, 2**64 - 1)
counts = st.integers(0, 255)
records = st.builds(
    Remembered,
    whole,
    st.integers(0, 2**32 - 1),
    whole,
    st.integers(0, 2**42).map(lambda at_ms: at_ms / 1000),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    counts,
    counts,
    st.booleans(),
    counts,
)


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


def test_what_was_kept_is_found_by_another_process_and_after_a_restart(tmp_path: Path) -> None:
    table, other = SessionTable(tmp_path), SessionTable(tmp_path)
    assert table.find(key(1)) is None
    table.keep(key(1), REMEMBERED)
    assert other.find(key(1)) == REMEMBERED
    table.close()
    other.close()
    again = SessionTable(tmp_path)
    assert again.find(key(1)) == REMEMBERED
    again.close()


@given(st.lists(st.tuples(keys, records), max_size=20))
def test_what_is_found_is_what_was_kept_last_under_that_key(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[bytes, Remembered]]
) -> None:
    table = SessionTable(tmp_path_factory.mktemp("table"), buckets=2)
    latest: dict[bytes, Remembered] = {}
    for key_, remembered in kept:
        table.keep(key_, remembered)
        latest[key_] = remembered
        assert table.find(key_) == remembered
    assert all(table.find(key_) in (remembered, None) for key_, remembered in latest.items())
    table.close()


def test_a_full_bucket_loses_its_oldest(tmp_path: Path) -> None:
    table = SessionTable(tmp_path, buckets=1)
    for number in range(5):
        table.keep(key(number + 1), Remembered(number, 0, 0, at_s=1000 + (number + 3) % 5))
    # they were kept at 1003, 1004, 1000, 1001; the fifth came at 1002
    assert [table.find(key(number)) is not None for number in range(1, 6)] == [True, True, False, True, True]
    table.close()


def test_a_number_that_has_no_room_is_kept_as_the_largest(tmp_path: Path) -> None:
    table = SessionTable(tmp_path)
    table.keep(key(1), Remembered(1, 2, 3, 4.5, 2**40, 2**40, 7, 1000, 1000))
    assert table.find(key(1)) == Remembered(1, 2, 3, 4.5, 2**32 - 1, 2**16 - 1, 7, 255, 255)
    table.close()


@given(st.integers(0, 63), st.integers(1, 255))
def test_a_damaged_slot_counts_as_empty(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    directory = tmp_path_factory.mktemp("table")
    table = SessionTable(directory, buckets=1)
    table.keep(key(1), REMEMBERED)
    content = bytearray((directory / FILE).read_bytes())
    content[at] ^= flip
    (directory / FILE).write_bytes(content)
    assert table.find(key(1)) is None
    table.keep(key(1), REMEMBERED)
    assert table.find(key(1)) == REMEMBERED
    table.close()


def test_a_file_of_something_else_is_written_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(os.urandom(10_000))
    table = SessionTable(tmp_path, buckets=3)
    assert table.find(key(7)) is None
    table.keep(key(7), REMEMBERED)
    assert table.find(key(7)) == REMEMBERED
    table.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    SessionTable(tmp_path / "new").close()
    assert stat.S_IMODE((tmp_path / "new" / FILE).stat().st_mode) == 0o600


def test_a_disk_that_takes_nothing_costs_no_answer(tmp_path: Path) -> None:
    table = SessionTable(tmp_path)
    table.close()
    table.keep(key(1), REMEMBERED)
    assert table.find(key(1)) is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(LedgerError, match=FILE):
        SessionTable(tmp_path)

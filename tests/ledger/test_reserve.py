from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from entrepot.ledger.reserve import reserve
from tests.small_disk import small_disk


def test_room_is_set_aside_and_the_files_size_stays(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        if not reserve(file.fileno(), 1 << 20):
            pytest.skip("no room can be set aside on this file system")
        state = os.fstat(file.fileno())
    assert state.st_size == 0
    assert state.st_blocks * 512 >= 1 << 20


def test_room_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 512) as disk,
        (disk / "file").open("wb") as file,
        pytest.raises(OSError, match=os.strerror(errno.ENOSPC)),
    ):
        reserve(file.fileno(), 1 << 20)


def test_nothing_is_nothing_to_set_aside(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        assert not reserve(file.fileno(), 0)


def test_a_file_that_is_not_open_is_an_error() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        reserve(1_000_000, 10)

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.reservations import FOLDER, Journal, Reserved, Settled, find_dead, list_owners, read_remains

A, B = ("budget\tall\t\tonce",), ("budget\tall\t\tonce", "budget\tkey\tkey=甲\t2026-11")


def test_what_was_reserved_and_never_settled_is_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gateway-0")
    journal.append(Reserved("1", 10, A))
    journal.append(Reserved("2", 20, B, key="甲"))
    journal.append(Settled("1", 4))
    remains = read_remains([journal.path], journal.path.name, 0)
    assert remains.open == (Reserved("2", 20, B, key="甲"),)
    assert remains.settled == {A[0]: 4}
    journal.close(delete=True)


def test_a_reservation_that_was_extended_counts_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g")
    journal.append(Reserved("1", 10, A))
    journal.append(Reserved("1", 30, A))
    assert read_remains([journal.path], "", 0).open == (Reserved("1", 30, A),)
    journal.close(delete=True)


def test_what_the_counters_have_heard_is_not_charged_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g")
    journal.append(Reserved("1", 10, A))
    journal.append(Settled("1", 4))
    heard = journal.offset
    journal.append(Reserved("2", 10, A))
    journal.append(Settled("2", 5))
    assert read_remains([journal.path], journal.path.name, heard).settled == {A[0]: 5}
    journal.close(delete=True)


def test_a_further_file_begins_with_what_is_open_and_the_older_goes_once_it_was_heard(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g")
    journal.append(Reserved("1", 10, A))
    journal.append(Reserved("2", 20, A))
    journal.append(Settled("2", 6))
    first, heard = journal.path, journal.offset
    journal.rotate([Reserved("1", 10, A)])
    journal.append(Settled("1", 3))
    paths = list_owners(tmp_path)[journal.owner]
    assert paths == [first, journal.path]
    remains = read_remains(paths, first.name, heard)
    assert (remains.open, remains.settled) == ((), {A[0]: 3})
    journal.acknowledge(first.name)
    assert first.exists()
    journal.acknowledge(journal.path.name)
    assert not first.exists()
    assert read_remains([journal.path], journal.path.name, 0).settled == {A[0]: 3}
    journal.close(delete=True)


def test_a_torn_record_is_passed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g")
    journal.append(Reserved("1", 10, A))
    with journal.path.open("ab") as file:
        file.write(b"\xc1EN\x01half")
    assert len(read_remains([journal.path], "", 0).open) == 1
    journal.close(delete=True)


def test_a_journal_is_its_writers_as_long_as_that_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g")
    assert find_dead(tmp_path) == []
    journal.close(delete=False)
    (dead,) = find_dead(tmp_path)
    assert dead.owner == journal.owner
    assert dead.paths == (journal.path,)


@pytest.mark.end_to_end
def test_what_was_reserved_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from entrepot.ledger.reservations import Journal, Reserved\n"
        f"journal = Journal({str(tmp_path)!r}, 'g')\n"
        "journal.append(Reserved('1', 10, ('a',)))\n"
        "print('reserved', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"reserved\n"
        assert find_dead(tmp_path) == []
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    (dead,) = find_dead(tmp_path)
    assert [reserved.id for reserved in read_remains(dead.paths, "", 0).open] == ["1"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(LedgerError, match="cannot open a journal"):
        Journal(tmp_path, "g")


def test_a_journal_that_is_closed_with_nothing_open_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "g", rotate_bytes=1)
    journal.append(Reserved("1", 10, A))
    assert journal.is_full
    journal.rotate([])
    journal.close(delete=True)
    assert list((tmp_path / FOLDER).iterdir()) == []

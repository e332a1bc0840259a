from __future__ import annotations

import msgspec
import pytest

from entrepot.drive.recorder import SpoolRecorder
from entrepot.errors import InvalidRequest, LedgerError, Unavailable
from entrepot.exchange.entries import refusal_entry
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.policy.rules import Principal

ENTRY = refusal_entry(
    id="0197-id",
    started_ns=1,
    duration_ms=1.0,
    upload_ms=0.0,
    principal=Principal(),
    dialect="openai-chat",
    error=InvalidRequest("no"),
)


class Disk:
    def __init__(self) -> None:
        self.full = True
        self.written: list[Entry] = []

    def write(self, entry: Entry) -> None:
        if self.full:
            raise LedgerError("no room")
        self.written.append(entry)


def test_an_entry_that_cannot_be_written_is_logged_whole_and_told(caplog: pytest.LogCaptureFixture) -> None:
    recorder = SpoolRecorder(Disk().write, lambda entry: f"<{entry.id}>")
    recorder.append(ENTRY)
    recorder.append(ENTRY)
    assert "no room; the entry: <0197-id>" in caplog.text
    assert recorder.lost == 2
    assert recorder.trouble is not None
    assert "2 entries" in recorder.trouble


def test_the_trouble_is_over_when_an_entry_is_written_again() -> None:
    disk = Disk()
    recorder = SpoolRecorder(disk.write, str)
    recorder.append(ENTRY)
    disk.full = False
    recorder.append(ENTRY)
    assert recorder.trouble is None
    assert recorder.lost == 1
    assert disk.written == [ENTRY]


def test_an_answer_of_another_model_than_was_asked_for_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    disk.full = False
    attempt = AttemptRecord(0, "a/m", "m", "a", 200, 1.0, claimed_model="冒名\n", answered=True, model_mismatch=True)
    recorder = SpoolRecorder(disk.write, str)
    for _ in range(2):
        recorder.append(msgspec.structs.replace(ENTRY, attempts=(attempt,)))
    assert [record.getMessage() for record in caplog.records] == [
        "an answer of a/m calls its model '冒名\\n'; it is billed as a/m"
    ]
    assert len(disk.written) == 2


def test_what_may_not_go_unwritten_is_not_begun_until_something_is_written_again() -> None:
    disk = Disk()
    recorder = SpoolRecorder(disk.write, str, must_write=True)
    recorder.demand()
    recorder.append(ENTRY)
    with pytest.raises(Unavailable, match="cannot write down what it does"):
        recorder.demand()
    disk.full = False
    recorder.append(ENTRY)
    recorder.demand()


def test_entries_are_counted_whether_written_or_lost() -> None:
    disk, counted, lost = Disk(), list[Entry](), list[None]()
    recorder = SpoolRecorder(disk.write, str, counted.append, lambda: lost.append(None))
    recorder.append(ENTRY)
    disk.full = False
    recorder.append(ENTRY)
    assert (counted, len(lost)) == ([ENTRY, ENTRY], 1)
    recorder.demand()

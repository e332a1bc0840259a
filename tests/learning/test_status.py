from __future__ import annotations

from pathlib import Path

from entrepot.learning.status import FILE_NAME, DriftAlarm, LearningStatus, Reference, read_status, write_status


def test_what_is_written_is_read_and_what_cannot_be_is_nothing(tmp_path: Path) -> None:
    status = LearningStatus(5.0, 10, 3, "fitting", (DriftAlarm("prices", 1.0, "w"),), Reference("v", 1.0, 2, (0.5,)))
    assert read_status(tmp_path) == LearningStatus()
    write_status(tmp_path, status)
    assert read_status(tmp_path) == status
    (tmp_path / FILE_NAME).write_bytes(b"{")
    assert read_status(tmp_path) == LearningStatus()
    write_status(tmp_path / "nowhere", status)
    assert not (tmp_path / "nowhere").exists()

"""The files in which gateway processes say how deployments fare."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.board import View
from entrepot.ledger.health_reports import (
    STALE_S,
    HealthReport,
    read_reports,
    remove_report,
    states,
    write_report,
)

OPEN = View("a/m", "open", "failed lately more often than not", 1005.0, 2, 1.0)
CLOSED = View("b/m", "closed", first_content_s=0.5)


def test_what_a_process_wrote_last_is_read_until_it_is_stale(tmp_path: Path) -> None:
    write_report(tmp_path, HealthReport("gateway-0", 990.0, ()))
    last = HealthReport("gateway-0", 1000.0, (OPEN, CLOSED))
    other = HealthReport("gateway-1", 1000.5, ())
    write_report(tmp_path, other)
    write_report(tmp_path, last)
    assert read_reports(tmp_path, 1001.0) == [last, other]
    assert read_reports(tmp_path, 1000.2 + STALE_S) == [other]


def test_a_process_that_ends_takes_its_report_along_and_none_is_no_fault(tmp_path: Path) -> None:
    assert read_reports(tmp_path, 0.0) == []
    write_report(tmp_path, HealthReport("gateway-0", 1000.0, ()))
    remove_report(tmp_path, "gateway-0")
    remove_report(tmp_path, "gateway-0")
    assert read_reports(tmp_path, 1000.0) == []


def test_what_cannot_be_read_is_left_out_and_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    write_report(tmp_path, HealthReport("gateway-0", 1000.0, ()))
    (tmp_path / "health" / "gateway-1.json").write_bytes(b"{")
    assert [report.process for report in read_reports(tmp_path, 1000.0)] == ["gateway-0"]
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"gateway-0\.json"):
        write_report(tmp_path / "file", HealthReport("gateway-0", 1000.0, ()))


def test_only_what_is_not_closed_is_counted() -> None:
    assert states([OPEN, CLOSED, OPEN]) == {"open": 2}
    assert states([CLOSED]) == {}

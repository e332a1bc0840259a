"""The files in which gateway processes say how deployments fare."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.board import View
from entrepot.exchange.health import Health
from entrepot.ledger.health_reports import (
    STALE_S,
    HealthReport,
    latest,
    place_of,
    read_reports,
    remove_report,
    states,
    write_report,
)
from tests.exchange.things import a_deployment

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


def test_of_several_processes_what_was_learned_last_counts_and_the_longest_wait() -> None:
    old = Health(failed=2.0, at_s=1000.0, wait_until_s=1090.0, told_s=1000.0)
    new = Health(answered=3.0, at_s=1010.0, wait_until_s=1020.0, told_s=1010.0)
    known = {"x": old}, {"x": new, "y": old}
    reports = [HealthReport(f"gateway-{number}", 1011.0, (), one) for number, one in enumerate(known)]
    expected = {"x": Health(answered=3.0, at_s=1010.0, wait_until_s=1090.0, told_s=1000.0), "y": old}
    assert latest(reports) == latest(reports[::-1]) == expected


def test_a_deployment_that_is_asked_elsewhere_or_as_somebody_else_is_another(tmp_path: Path) -> None:
    one = a_deployment("a/m")
    same = msgspec.structs.replace(one, price=None, region="US")
    assert place_of(one) == place_of(same)
    changes: tuple[dict[str, str], ...] = (
        {"base_url": "https://other"},
        {"secret": "env:OTHER"},
        {"upstream_name": "n"},
    )
    assert len({place_of(one), *(place_of(msgspec.structs.replace(one, **change)) for change in changes)}) == 4
    write_report(tmp_path, HealthReport("gateway-0", 1000.0, (), {place_of(one): Health(failed=1.5, at_s=999.0)}))
    assert latest(read_reports(tmp_path, 1000.0)) == {place_of(one): Health(failed=1.5, at_s=999.0)}
    assert one.base_url not in (tmp_path / "health" / "gateway-0.json").read_text()

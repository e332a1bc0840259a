from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from entrepot.catalog.price import PriceWindow
from entrepot.catalog.price_hours import PriceHours
from entrepot.errors import CatalogError

NIGHT = PriceWindow(factor=Decimal("0.5"), hours=("00:30-08:30",), utc_offset_hours=8)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-11-22T16:29:59", False),
        ("2026-11-22T16:30:00", True),
        ("2026-11-23T00:29:59", True),
        ("2026-11-23T00:30:00", False),
    ],
)
def test_a_window_holds_from_its_first_minute_to_before_its_last_on_its_own_clock(moment: str, holds: bool) -> None:
    assert PriceHours(NIGHT).holds(at(moment)) is holds


def test_its_edges_are_seconds_of_its_day() -> None:
    assert PriceHours(NIGHT).edges_s == [1800, 30_600]


def test_hours_that_are_no_span_of_one_day_are_refused() -> None:
    with pytest.raises(CatalogError, match="the earlier first"):
        PriceHours(PriceWindow(factor=Decimal(1), hours=("22:00-06:00",)))

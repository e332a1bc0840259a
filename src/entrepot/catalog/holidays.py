"""Public holidays, for prices that are lower on them.

2026: notice of the General Office of the State Council on the holidays of 2026 (国务院办公厅关于2026年部分节假日安排的通知,
2025-11-04). 2027: the days that the regulation on national holidays (全国年节及纪念日放假办法, 2024 revision) fixes by the
calendar; the bridging days of that year are not announced yet, so fewer days count as holidays and an estimate is too high
rather than too low. A year that is not here has no holidays, for the same reason.
"""

from __future__ import annotations

from datetime import date

_EPOCH = date(1970, 1, 1).toordinal()

_SPANS = {
    "CN": (
        ("2026-01-01", "2026-01-03"),  # New Year
        ("2026-02-15", "2026-02-23"),  # Spring Festival
        ("2026-04-04", "2026-04-06"),  # Qingming
        ("2026-05-01", "2026-05-05"),  # Labour Day
        ("2026-06-19", "2026-06-21"),  # Dragon Boat
        ("2026-09-25", "2026-09-27"),  # Mid-Autumn
        ("2026-10-01", "2026-10-07"),  # National Day
        ("2027-01-01", "2027-01-01"),
        ("2027-02-05", "2027-02-08"),
        ("2027-04-05", "2027-04-05"),
        ("2027-05-01", "2027-05-02"),
        ("2027-06-09", "2027-06-09"),
        ("2027-09-15", "2027-09-15"),
        ("2027-10-01", "2027-10-03"),
    ),
}


def day_number(text: str) -> int:
    """Days from 1970-01-01 to `text` (YYYY-MM-DD). Raises ValueError."""
    return date.fromisoformat(text).toordinal() - _EPOCH


HOLIDAYS: dict[str, frozenset[int]] = {
    country: frozenset(day for first, last in spans for day in range(day_number(first), day_number(last) + 1))
    for country, spans in _SPANS.items()
}
"""Day numbers (from 1970-01-01, by the country's own calendar) that are public holidays."""

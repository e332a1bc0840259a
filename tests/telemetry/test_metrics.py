from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from entrepot.ledger.checks import sample_entry
from entrepot.telemetry.families import INGESTED, UNDER_WAY
from entrepot.telemetry.metrics import Metrics


def shown(metrics: Metrics) -> dict[str, float]:
    """Every series without labels."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if not sample.labels
    }


def test_any_process_shows_what_all_have_counted(tmp_path: Path) -> None:
    one, two = (Metrics(str(tmp_path), name, list) for name in ("gateway-0", "gateway-1"))
    for metrics in (one, two, two):
        metrics.count(sample_entry(1))
    two.lose()
    assert shown(one) == shown(two)
    assert shown(one)["entrepot_added_seconds_count"] == 3
    assert shown(one)["entrepot_entries_lost_total"] == 1


def test_gauges_are_what_was_last_seen_and_counts_add_up(tmp_path: Path) -> None:
    seen = iter([3.0, 1.0])
    metrics = Metrics(str(tmp_path), "gateway-0", list, lambda: {(UNDER_WAY, ()): next(seen)})
    for _ in range(2):
        metrics.refresh()
        metrics.add(INGESTED, 5)
    assert shown(metrics)["entrepot_exchanges_under_way"] == 1
    assert shown(metrics)["entrepot_ingested_entries_total"] == 10


async def test_it_is_looked_again_and_again_until_told_to_stop(tmp_path: Path) -> None:
    looked = asyncio.Event()

    def look() -> dict[object, float]:
        looked.set()
        return {}

    metrics = Metrics(str(tmp_path), "gateway-0", list, look)  # type: ignore[arg-type]  # an empty dict of any kind
    stop = asyncio.Event()
    following = asyncio.create_task(metrics.follow(stop))
    await looked.wait()
    stop.set()
    await following
    metrics.close()

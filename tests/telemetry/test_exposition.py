from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from entrepot.telemetry.exposition import Sample, render
from entrepot.telemetry.families import (
    ADDED_SECONDS,
    COST,
    ERRORS,
    EXCHANGE_SECONDS,
    FAMILIES,
    PROCESS_UP,
    UNDER_WAY,
)
from entrepot.telemetry.series import Kept, Key, width_of

Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


def kept(process: str, series: dict[Key, tuple[float, ...]], *, alive: bool = True) -> Kept:
    return Kept(process, 1, 0.0, alive, series)


def parse(text: bytes) -> Found:
    """What Prometheus's own reader makes of it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def test_counters_are_sums_over_every_process_there_was_and_gauges_over_those_that_run() -> None:
    one = kept("gateway-0", {(ERRORS.name, "a"): (2.0,), (UNDER_WAY.name,): (3.0,)})
    two = kept("gateway-1", {(ERRORS.name, "a"): (5.0,), (UNDER_WAY.name,): (4.0,)}, alive=False)
    found = parse(render([one, two]))
    assert found["entrepot_errors_total", labels(code="a")] == 7
    assert found["entrepot_exchanges_under_way", labels()] == 3


def test_a_histogram_adds_its_buckets_up() -> None:
    counts = [0.0] * width_of(ADDED_SECONDS)
    counts[0], counts[2], counts[-2], counts[-1] = 1.0, 4.0, 2.0, 9.5
    found = parse(render([kept("gateway-0", {(ADDED_SECONDS.name,): tuple(counts)})]))
    bounds = [f"{bound}" for bound in ADDED_SECONDS.buckets]
    assert [found["entrepot_added_seconds_bucket", labels(le=bound)] for bound in bounds[:4]] == [1, 1, 5, 5]
    assert found["entrepot_added_seconds_bucket", labels(le="+Inf")] == 7
    assert found["entrepot_added_seconds_count", labels()] == 7
    assert found["entrepot_added_seconds_sum", labels()] == 9.5


def test_money_is_shown_in_dollars() -> None:
    found = parse(render([kept("gateway-0", {(COST.name, "a/m"): (1_250_000_000.0,)})]))
    assert found["entrepot_cost_usd_total", labels(deployment="a/m")] == pytest.approx(1.25)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 1e300))
def test_any_label_and_any_number_is_read_back(label: str, value: float) -> None:
    found = parse(render([kept("gateway-0", {(ERRORS.name, label): (value,)})]))
    assert found == {("entrepot_errors_total", labels(code=label)): value}


def test_series_of_another_version_are_left_out_of_sums() -> None:
    old = kept("gateway-1", {(EXCHANGE_SECONDS.name, "auto"): (1.0, 2.0), ("entrepot_gone", "x"): (1.0,)})
    new = kept("gateway-0", {(EXCHANGE_SECONDS.name, "auto"): (1.0,) * width_of(EXCHANGE_SECONDS)})
    found = parse(render([new, old]))
    assert found["entrepot_exchange_seconds_count", labels(route="auto")] == width_of(EXCHANGE_SECONDS) - 1
    assert not any(name == "entrepot_gone" for name, _ in found)


def test_what_is_found_at_a_scrape_stands_beside_what_is_kept() -> None:
    found = parse(render([], [Sample(PROCESS_UP, ("gateway-0",), 1.0)]))
    assert found == {("entrepot_process_up", labels(process="gateway-0")): 1.0}


def test_names_are_as_prometheus_wants_them() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("entrepot_")
        assert family.name.endswith("_total") is (family.kind == "counter"), family.name
        assert bool(family.buckets) is (family.kind == "histogram")
        assert list(family.buckets) == sorted(family.buckets)
        assert not any(math.isinf(bound) for bound in family.buckets)
        assert family.help.endswith(".")

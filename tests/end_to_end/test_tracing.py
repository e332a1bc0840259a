"""A client's trace through whole processes: what its provider hears of it, and where its id is found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.world import CHEAP, PLAN, World, deployment, settings_for, simulator_in_thread, world_of

pytestmark = pytest.mark.end_to_end

TRACE = hashlib.md5(b"a trace").hexdigest()
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(simulator, Path(tmp_path_factory.mktemp("tracing")))
        inside = deployment(simulator, "cheap", "inside", CHEAP, upstream_name="small", on_premises=True)
        settings = settings_for(simulator, Path(settings.ledger.directory), deployments=(*settings.deployments, inside))
        with world_of(simulator, settings) as installation:
            yield installation


def heard(own: World, provider: str) -> dict[str, str | None]:
    latest = own.simulator.hosts[provider].headers[-1]
    return {name: latest.get(name) for name in ("traceparent", "tracestate", "baggage")}


def test_a_trace_reaches_the_provider_and_its_id_is_in_the_decision(own: World) -> None:
    headers = {"traceparent": GIVEN, "tracestate": "vendor=of-the-client", "baggage": "user=alice"}
    status, answer, _ = own.chat("cheap/small", headers=headers)
    assert status == 200
    assert heard(own, "cheap") == {"traceparent": GIVEN, "tracestate": None, "baggage": None}
    assert own.decision(answer["x-entrepot-exchange"])["trace_id"] == TRACE


def test_what_a_clients_tools_added_goes_to_ones_own_machines_only(own: World) -> None:
    assert own.chat("cheap/inside", headers={"traceparent": GIVEN, "tracestate": "vendor=x"})[0] == 200
    assert heard(own, "cheap") == {"traceparent": GIVEN, "tracestate": "vendor=x", "baggage": None}


def test_the_next_candidate_hears_of_the_trace_too(own: World) -> None:
    assert own.chat("after-status:500", headers={"traceparent": GIVEN})[0] == 200
    assert heard(own, "cheap")["traceparent"] == GIVEN
    assert heard(own, "dear")["traceparent"] == GIVEN


def test_a_request_of_no_trace_or_a_malformed_one_is_answered_and_tells_of_none(own: World) -> None:
    for headers in ({}, {"traceparent": GIVEN.upper(), "tracestate": "a=1"}):
        status, answer, _ = own.chat("cheap/small", headers=headers)
        assert status == 200
        assert heard(own, "cheap") == {"traceparent": None, "tracestate": None, "baggage": None}
        assert own.decision(answer["x-entrepot-exchange"])["trace_id"] is None


def test_a_refused_request_keeps_its_trace(own: World) -> None:
    status, answer, _ = own.chat("nobody", headers={"traceparent": GIVEN})
    assert status == 404
    assert own.decision(answer["x-entrepot-exchange"])["trace_id"] == TRACE

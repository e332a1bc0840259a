"""The running gateway before providers that fail: asked again, left alone, tried again, hedged, and itself under too much."""

from __future__ import annotations

import concurrent.futures
import json
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import Conduct, Hedge
from entrepot.exchange.plan import Route
from entrepot.exchange.retrying import Retries
from entrepot.routing.utility import Goal
from entrepot.settings.schema import ControlSettings, GatewaySettings
from entrepot.simulator.plan import FaultMix, Plan, StandInModel, StandInProvider
from tests.end_to_end.world import (
    CHEAP,
    DEAR,
    KEY,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    settings_for,
    simulator_in_thread,
    world,
    world_of,
)

pytestmark = pytest.mark.end_to_end

RETRIES = Conduct(Retries(most=2, first_pause_s=0.01))
QUICK = CircuitSettings(open_s=0.5, longest_open_s=0.5, slow_start_s=0.0)

PASSING = Plan(
    providers=(
        StandInProvider(
            "cheap",
            (
                StandInModel("small", CHEAP, faults=FaultMix(first=2)),
                StandInModel("down", CHEAP, faults=FaultMix(first=4, opening="status:500")),
                StandInModel("slow", CHEAP, first_token_ms=2500),
            ),
            key=PROVIDER_SECRET,
        ),
        StandInProvider("dear", (StandInModel("large", DEAR),), key=PROVIDER_SECRET),
        StandInProvider("yuan", (StandInModel("middle", CHEAP),), key=PROVIDER_SECRET),
    )
)
PAIR = (Route("pair", ("cheap/small", "dear/large"), Goal(max_loss=1.0)),)


def attempts_of(world: World, headers: dict[str, str]) -> list[tuple[str, str | None]]:
    decision = world.decision(headers["x-entrepot-exchange"])
    return [(attempt["deployment"], attempt["failure"]) for attempt in decision["attempts"]]


def test_a_deployment_whose_fault_passes_is_asked_again(tmp_path: Path) -> None:
    with simulator_in_thread(PASSING) as simulator:
        settings = settings_for(simulator, tmp_path, conduct=RETRIES, routes=PAIR)
        with world_of(simulator, settings) as running:
            status, headers, _ = running.chat("pair")
            assert status == 200
            assert attempts_of(running, headers) == [("cheap/small", "overloaded")] * 2 + [("cheap/small", None)]


def test_one_that_is_down_is_left_alone_tried_again_and_taken_back(tmp_path: Path) -> None:
    with simulator_in_thread(PASSING) as simulator:
        down = deployment(simulator, "cheap", "down", CHEAP)
        settings = settings_for(simulator, tmp_path, circuit=QUICK, control=ControlSettings(port=0))
        settings = msgspec.structs.replace(
            settings,
            deployments=(*settings.deployments, down),
            routes=(Route("pair", ("cheap/down", "dear/large"), Goal(max_loss=1.0)),),
        )
        with world_of(simulator, settings) as running:
            seen = [attempts_of(running, running.chat("pair")[1]) for _ in range(3)]
            failed = ("cheap/down", "server_error")
            assert seen == [[failed, ("dear/large", None)], [failed, ("dear/large", None)], [("dear/large", None)]]
            ready = json.loads(running.request("//readyz", key=None)[2])
            assert ready["deployments"].keys() <= {"open", "half_open"}

            def is_back() -> bool:
                return attempts_of(running, running.chat("pair")[1]) == [("cheap/down", None)]

            assert eventually(is_back, 20.0)
            assert eventually(
                lambda: is_back() and json.loads(running.request("//readyz", key=None)[2]) == {"status": "ready"}
            )


def test_operators_see_what_every_process_knows(tmp_path: Path) -> None:
    with world(tmp_path, gateway=GatewaySettings(port=0, processes=2)) as running:
        running.chat("cheap/small")
        folder = tmp_path / "health"

        def reported() -> list[dict[str, Any]]:
            return [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]

        assert eventually(lambda: [report["process"] for report in reported()] == ["gateway-0", "gateway-1"])
        assert {view["state"] for report in reported() for view in report["views"]} == {"closed"}
    assert not list(folder.glob("*.json"))


def test_a_route_that_hedges_is_answered_by_the_quicker_and_bills_both(tmp_path: Path) -> None:
    with simulator_in_thread(PASSING) as simulator:
        routes = (Route("quick", ("cheap/slow", "dear/large"), Goal(max_loss=1.0), hedge=Hedge(after_s=0.2)),)
        with world_of(simulator, settings_for(simulator, tmp_path, routes=routes)) as running:
            status, headers, _ = running.chat("quick", stream=True)
            assert status == 200
            assert headers["x-entrepot-deployment"] == "dear/large"
            decision = running.decision(headers["x-entrepot-exchange"])
            lost, won = decision["attempts"]
            assert (lost["deployment"], lost["usage"]["estimated"]) == ("cheap/slow", True)
            assert won["deployment"] == "dear/large"
            assert float(decision["cost_usd"]) == pytest.approx(float(lost["cost_usd"]) + float(won["cost_usd"]))
            assert eventually(lambda: simulator.under_way == 0)  # the loser was cancelled


def test_one_request_too_many_is_told_to_come_back_and_the_others_are_served(tmp_path: Path) -> None:
    with world(tmp_path, gateway=GatewaySettings(port=0, max_concurrent=2)) as running:

        def ask(path: str) -> tuple[int, dict[str, str], bytes]:
            body = {"model": "cheap/slow", "messages": [{"role": "user", "content": "one two three four " * 20}]}
            return running.request(path, json.dumps({**body, "max_tokens": 100, "stream": True}).encode())

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, ["/chat/completions", "/messages"] * 4))
        served = [answer for answer in answers if answer[0] == 200]
        refused = [answer for answer in answers if answer[0] == 503]
        assert len(served) + len(refused) == len(answers)
        assert served
        assert refused
        for status, headers, body in refused:
            assert (status, headers["retry-after"]) == (503, "1")
            error = json.loads(body)["error"]
            assert "overloaded_here" in (error.get("code"), error.get("type")) or "under way here" in error["message"]
        assert running.chat("cheap/small")[0] == 200


def test_who_is_refused_for_overload_need_not_send_its_body(tmp_path: Path) -> None:
    with world(tmp_path, gateway=GatewaySettings(port=0, max_concurrent=1)) as running:
        body = {"model": "cheap/slow", "messages": [{"role": "user", "content": "one two three four " * 50}]}
        request = urllib.request.Request(
            f"{running.base_url}/chat/completions",
            json.dumps({**body, "max_tokens": 500, "stream": True}).encode(),
            {"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as first:
            first.read(1)
            status, _, answer = running.request("/chat/completions", b"x" * 1_500_000)
            assert status == 503
            assert json.loads(answer)["error"]["code"] == "overloaded_here"

"""A stream that breaks midway, for a client of every dialect: it ends in that dialect's error, and is recorded as broken."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.world import KEY, World, world
from tests.soak.load import judge_stream, request_of

pytestmark = pytest.mark.end_to_end

DIALECTS = ("chat", "messages", "responses", "gemini")
FAULTS = ("close-midway", "half-chunk", "error-frame", "hang-midway")
TEXT = "alpha beta gamma delta " * 6


@pytest.fixture(scope="module")
def breaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("breaking")) as installation:
        yield installation


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_ends_in_the_dialects_own_error_and_is_recorded_with_what_was_delivered(
    breaking: World, dialect: str, fault: str
) -> None:
    path, body = request_of(dialect, f"faulty/{fault}", TEXT, stream=True)
    headers = {"x_goog_api_key": KEY} if dialect == "gemini" else {}
    status, names, data = breaking.request(f"/{path}", json.dumps(body).encode(), **headers)
    assert status == 200
    assert judge_stream(dialect, data) == ("broken", "")
    decision = breaking.decision(names["x-entrepot-exchange"])
    assert (decision["state"], decision["status"]) == ("broken", 200)
    usage = decision["usage"]
    assert usage["estimated"]
    assert 0 < usage["output_tokens"] < 60
    (attempt,) = decision["attempts"]
    assert attempt["failure"] in ("cut_off", "server_error", "timeout")
    assert float(decision["cost_usd"]) > 0

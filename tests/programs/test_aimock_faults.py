"""The official SDKs before the gateway, and behind it aimock with its faults switched on: what others think goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.programs.aimock import HELLO, PATHS, aimock
from tests.programs.installation import KEY, gateway_before

pytestmark = pytest.mark.end_to_end

FAULTS = {
    "--chaos-drop": ("server_error", {502}),
    "--chaos-malformed": ("protocol", {502}),
    "--chaos-disconnect": ("cut_off", {502}),
    "--chaos-ratelimit": ("rate_limit", {429}),
}
"""Each of its faults, with what the gateway calls it and the status that a client gets."""


@pytest.fixture(scope="module", params=FAULTS)
def failing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A gateway before an aimock that always fails in one way, and the way."""
    with aimock(tmp_path_factory.mktemp("aimock"), request.param, "1") as provider:
        base_urls = {dialect: provider + path for dialect, path in PATHS.items()}
        with gateway_before(base_urls, tmp_path_factory.mktemp("ledger")) as gateway:
            yield gateway, request.param


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_each_fault_is_an_error_that_the_sdk_knows(failing: tuple[str, str], dialect: str, stream: bool) -> None:
    address, fault = failing
    code, statuses = FAULTS[fault]
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(model=dialect, messages=[{"role": "user", "content": "你好"}], stream=stream)
    assert caught.value.status_code in statuses
    assert caught.value.code == code
    assert isinstance(caught.value.body, dict)
    assert f"at/{dialect}" in caught.value.body["message"]
    if fault == "--chaos-ratelimit":
        assert float(caught.value.response.headers["retry-after"]) > 0


@pytest.fixture(scope="module")
def unsteady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway before an aimock that fails in three of ten requests, in every way it knows."""
    options = ("--chaos-drop", "0.1", "--chaos-malformed", "0.1", "--chaos-disconnect", "0.1")
    with aimock(tmp_path_factory.mktemp("aimock"), *options) as provider:
        base_urls = {dialect: provider + path for dialect, path in PATHS.items()}
        with gateway_before(base_urls, tmp_path_factory.mktemp("ledger"), also=("auto",)) as gateway:
            yield gateway


def test_a_route_answers_all_the_same(unsteady: str) -> None:
    """Of six candidates that each fail three times in ten all fail together less than once in a thousand times."""
    seen: Counter[str] = Counter()
    with openai.OpenAI(base_url=f"{unsteady}/v1", api_key=KEY, max_retries=0) as client:
        for _ in range(40):
            answer = client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": "你好"}]
            )
            assert answer.parse().choices[0].message.content == HELLO
            seen[answer.headers["x-entrepot-deployment"]] += 1
    assert len(seen) > 1  # and not always the first one did


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aimock(tmp_path_factory.mktemp("aimock")) as provider:
        base_urls = {dialect: provider + path for dialect, path in PATHS.items()}
        with gateway_before(base_urls, tmp_path_factory.mktemp("ledger")) as gateway:
            yield gateway


@pytest.mark.parametrize("dialect", PATHS)
def test_a_stream_that_breaks_off_is_never_taken_for_a_whole_one(steady: str, dialect: str) -> None:
    """Be it that some of it had arrived or that the break threw away what was on its way."""
    question: Any = [{"role": "user", "content": "break off"}]
    with openai.OpenAI(base_url=f"{steady}/v1", api_key=KEY, max_retries=0) as chat, pytest.raises(openai.APIError):
        list(chat.chat.completions.create(model=dialect, messages=question, stream=True))
    with (
        anthropic.Anthropic(base_url=steady, api_key=KEY, max_retries=0) as messages,
        pytest.raises(anthropic.APIError),
        messages.messages.stream(model=dialect, max_tokens=99, messages=question) as opened,
    ):
        opened.get_final_message()

"""Lists of models and counts of tokens, as each dialect's official SDK reads them from a running gateway."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from openai import OpenAI

from tests.end_to_end.world import KEY, PUBLIC_SECTOR_KEY, World

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def google(entrepot: World) -> Any:
    made = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=entrepot.base_url.removesuffix("/v1")))
    yield made
    made.close()


@pytest.fixture
def claude(entrepot: World) -> Any:
    with Anthropic(base_url=entrepot.base_url.removesuffix("/v1"), api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def client(entrepot: World) -> Any:
    with OpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as made:
        yield made


def test_every_client_reads_the_same_names_in_pages_of_its_own(
    client: OpenAI, claude: Anthropic, google: genai.Client
) -> None:
    names = [model.id for model in client.models.list()]
    assert names.index("auto") < names.index("small") < names.index("cheap/small")
    assert [model.id for model in claude.models.list(limit=7)] == names
    listed = list(google.models.list(config=types.ListModelsConfig(page_size=7)))
    assert [model.name for model in listed] == [f"models/{name}" for name in names]
    assert "generateContent" in (listed[0].supported_actions or [])


def test_one_name_is_shown_to_every_client(client: OpenAI, claude: Anthropic, google: genai.Client) -> None:
    assert client.models.retrieve("cheap/small").owned_by == "maker-of-small"
    assert claude.models.retrieve("auto").display_name == "auto"
    assert google.models.get(model="small").name == "models/small"


def test_a_name_that_nobody_has_is_the_sdks_own_error(client: OpenAI, claude: Anthropic, google: genai.Client) -> None:
    with pytest.raises(openai.NotFoundError, match="no route, model or deployment is called 'nope'"):
        client.models.retrieve("nope")
    with pytest.raises(anthropic.NotFoundError, match="nope"):
        claude.models.retrieve("nope")
    with pytest.raises(errors.ClientError, match="nope"):
        google.models.get(model="nope")


def test_a_key_sees_only_what_it_may_use(entrepot: World) -> None:
    with OpenAI(base_url=entrepot.base_url, api_key=PUBLIC_SECTOR_KEY, max_retries=0) as carol:
        names = [model.id for model in carol.models.list()]
        assert "large" in names
        assert "small" not in names
        with pytest.raises(openai.PermissionDeniedError, match="no providers from CN"):
            carol.models.retrieve("small")


def test_googles_client_counts_tokens(google: genai.Client) -> None:
    short = google.models.count_tokens(model="auto", contents="你好").total_tokens or 0
    long = google.models.count_tokens(model="auto", contents="你好，世界" * 50).total_tokens or 0
    assert 0 < short < long


def test_a_count_says_that_it_is_an_estimate(entrepot: World) -> None:
    request = {"contents": [{"role": "user", "parts": [{"text": "你好"}]}]}
    whole = {"generateContentRequest": {"model": "models/auto", **request}}
    counts = []
    for body in (request, whole):
        status, headers, data = entrepot.request("//v1beta/models/auto:countTokens", json.dumps(body).encode())
        assert (status, headers["x-entrepot-estimated"]) == (200, "tokens")
        counts.append(json.loads(data)["totalTokens"])
    assert counts[0] == counts[1]
    message = {"model": "auto", "messages": [{"role": "user", "content": "你好"}]}
    _, headers, data = entrepot.request("/messages/count_tokens", json.dumps(message).encode())
    assert headers["x-entrepot-estimated"] == "tokens"
    assert json.loads(data)["input_tokens"] == counts[0]


def test_keys_and_rules_hold_for_counting(entrepot: World, google: genai.Client) -> None:
    body = json.dumps({"contents": [{"parts": [{"text": "x"}]}]}).encode()
    assert entrepot.request("//v1beta/models/auto:countTokens", body, key=None)[0] == 401
    assert entrepot.request("//v1beta/models/small:countTokens", body, key=PUBLIC_SECTOR_KEY)[0] == 403
    with pytest.raises(errors.ClientError, match="no route, model or deployment"):
        google.models.count_tokens(model="nope", contents="x")
    assert entrepot.request("//v1beta/models/auto:countTokens", b'{"contents": []}')[0] == 400

"""Embeddings through a running gateway: the official SDKs, providers of their own dialect and of another, one model to a name."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from google import genai
from google.genai import errors, types
from openai import OpenAI

from entrepot.simulator.embeddings import vector_of
from entrepot.simulator.tokens import count_tokens
from tests.end_to_end.embedding_world import DIMENSIONS, embedding_world
from tests.end_to_end.world import KEY, OTHER_KEY, PROVIDER_SECRET, PUBLIC_SECTOR_KEY, World

pytestmark = pytest.mark.end_to_end

TEXTS = ["你好，世界", "an entrepôt is a port"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with embedding_world(tmp_path_factory.mktemp("vectors")) as installation:
        yield installation


@pytest.fixture
def client(vectors: World) -> Any:
    with OpenAI(base_url=vectors.base_url, api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def google(vectors: World) -> Any:
    made = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=vectors.base_url.removesuffix("/v1")))
    yield made
    made.close()


def made_of(model: str, text: str) -> Any:
    return pytest.approx(vector_of(model, text, DIMENSIONS), abs=1e-7)


def test_openais_client_reads_base64_without_asking_for_it(client: OpenAI) -> None:
    answer = client.embeddings.create(model="bge-m3", input=TEXTS)
    assert [each.embedding for each in answer.data] == [made_of("bge-m3", text) for text in TEXTS]
    assert [each.index for each in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == sum(map(count_tokens, TEXTS))


def test_openais_client_reads_numbers_from_one_text(client: OpenAI) -> None:
    answer = client.embeddings.create(model="harbour/bge-m3", input=TEXTS[0], encoding_format="float", dimensions=4)
    assert answer.data[0].embedding == pytest.approx(vector_of("bge-m3", TEXTS[0], 4))


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_a_provider_of_geminis_dialect_serves_openais_client(client: OpenAI, encoding: Any) -> None:
    answer = client.embeddings.with_raw_response.create(
        model="gemini-embedding-001", input=TEXTS, encoding_format=encoding
    )
    data = json.loads(answer.text)["data"]
    assert {type(each["embedding"]) for each in data} == ({str} if encoding == "base64" else {list})
    read = client.embeddings.create(model="gemini-embedding-001", input=TEXTS).data
    assert [each.embedding for each in read] == [made_of("gemini-embedding-001", text) for text in TEXTS]


@pytest.mark.parametrize("model", ["gemini-embedding-001", "bge-m3"])
def test_googles_client_is_served_by_either_dialect(google: genai.Client, model: str) -> None:
    config = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=DIMENSIONS)
    answer = google.models.embed_content(model=model, contents=list(TEXTS), config=config)
    assert answer.embeddings is not None
    assert [each.values for each in answer.embeddings] == [made_of(model, text) for text in TEXTS]


def test_ollama_serves_either_client(client: OpenAI, google: genai.Client) -> None:
    read = client.embeddings.create(model="qwen3-embedding", input=TEXTS)
    assert [each.embedding for each in read.data] == [made_of("bge-m3", text) for text in TEXTS]
    assert read.usage.prompt_tokens == sum(map(count_tokens, TEXTS))
    answer = google.models.embed_content(model="qwen3-embedding", contents=TEXTS[0])
    assert answer.embeddings is not None
    assert answer.embeddings[0].values == made_of("bge-m3", TEXTS[0])
    with pytest.raises(openai.BadRequestError, match="context length"):
        client.embeddings.create(model="qwen3-embedding", input="word " * 3000)


def test_one_content_alone_is_answered_with_one_embedding(vectors: World) -> None:
    body = json.dumps({"content": {"parts": [{"text": TEXTS[0]}]}}).encode()
    for model in ("gemini-embedding-001", "bge-m3"):
        status, _, data = vectors.request(f"//v1beta/models/{model}:embedContent", body)
        assert status == 200
        assert json.loads(data)["embedding"]["values"] == made_of(model, TEXTS[0])


def test_token_ids_go_to_the_same_dialect_and_to_no_other(client: OpenAI) -> None:
    assert client.embeddings.create(model="bge-m3", input=[[1, 2, 3], [4]]).usage.prompt_tokens == 4
    with pytest.raises(openai.BadRequestError, match="given as token ids"):
        client.embeddings.create(model="gemini-embedding-001", input=[1, 2, 3])


def test_vectors_pass_byte_for_byte_between_two_of_one_dialect(vectors: World) -> None:
    body = json.dumps({"model": "bge-m3", "input": TEXTS, "encoding_format": "base64"}).encode()
    status, _, through = vectors.request("/embeddings", body)
    asking = urllib.request.Request(
        f"{vectors.simulator.base_url('harbour')}/embeddings",
        data=body,
        headers={"authorization": f"Bearer {PROVIDER_SECRET}"},
    )
    with urllib.request.urlopen(asking, timeout=10) as direct:
        assert through == direct.read()
    assert status == 200


def test_an_exchange_is_priced_and_written_down_like_any_other(vectors: World) -> None:
    body = json.dumps({"model": "vectors", "input": TEXTS}).encode()
    status, headers, _ = vectors.request("/embeddings", body)
    tokens = sum(map(count_tokens, TEXTS))
    assert status == 200
    assert headers["x-entrepot-route"] == "vectors"
    assert headers["x-entrepot-deployment"] == "harbour/bge-m3"
    assert Decimal(headers["x-entrepot-cost-usd"]) == Decimal("0.1") * tokens / 1_000_000
    decision = vectors.decision(headers["x-entrepot-exchange"])
    assert decision["state"] == "completed"
    assert decision["usage"]["input_tokens"] == tokens
    assert decision["usage"]["output_tokens"] == 0
    assert not decision["usage"]["estimated"]
    assert vectors.simulator.books.rows[-1].tokens.input_tokens == tokens


def test_what_the_provider_does_not_count_is_estimated_and_said_to_be(vectors: World) -> None:
    body = json.dumps({"model": "gemini-embedding-001", "input": TEXTS}).encode()
    _, headers, data = vectors.request("/embeddings", body)
    usage = vectors.decision(headers["x-entrepot-exchange"])["usage"]
    assert usage["estimated"]
    assert usage["input_tokens"] == json.loads(data)["usage"]["prompt_tokens"] > 0
    assert usage["output_tokens"] == 0


def test_failover_stays_with_the_model(vectors: World) -> None:
    body = json.dumps({"model": "frail", "input": "x"}).encode()
    status, headers, _ = vectors.request("/embeddings", body)
    assert status == 200
    assert headers["x-entrepot-deployment"] == "wharf/frail"
    attempts = vectors.decision(headers["x-entrepot-exchange"])["attempts"]
    assert [each["deployment"] for each in attempts] == ["harbour/frail", "wharf/frail"]
    assert {each["model"] for each in attempts} == {"frail"}


def test_a_route_of_several_embedding_models_is_refused_and_the_refusal_written_down(
    client: OpenAI, vectors: World
) -> None:
    with pytest.raises(
        openai.BadRequestError, match=r"several embedding models \(bge-m3, text-embedding-3\)"
    ) as caught:
        client.embeddings.create(model="mixed", input="x")
    assert caught.value.code == "several_embedding_models"
    decision = vectors.decision(caught.value.response.headers["x-entrepot-exchange"])
    assert decision["state"] == "refused"
    assert decision["asked_model"] == "mixed"


def test_a_route_with_one_embedding_model_embeds_with_it_and_answers_with_the_others(client: OpenAI) -> None:
    embedded = client.embeddings.with_raw_response.create(model="auto", input="x")
    assert embedded.headers["x-entrepot-model"] == "bge-m3"
    answered = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": "x"}]
    )
    assert answered.headers["x-entrepot-model"] in ("small", "large")


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("small", "it answers, and makes no embeddings"),
        ("claude", "a provider of the anthropic-messages dialect does not embed"),
    ],
)
def test_a_model_that_answers_is_not_asked_to_embed(client: OpenAI, model: str, why: str) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        client.embeddings.create(model=model, input="x")


def test_an_embedding_model_is_not_asked_to_answer(client: OpenAI, google: genai.Client) -> None:
    with pytest.raises(openai.BadRequestError, match="makes embeddings, and does not answer"):
        client.chat.completions.create(model="bge-m3", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(errors.ClientError, match="makes embeddings, and does not answer"):
        google.models.generate_content(model="vectors", contents="x")


def test_rules_hold_for_embeddings(vectors: World) -> None:
    with OpenAI(base_url=vectors.base_url, api_key=PUBLIC_SECTOR_KEY, max_retries=0) as carol:
        allowed = carol.embeddings.with_raw_response.create(model="bge-m3", input="x")
        assert allowed.headers["x-entrepot-deployment"] == "wharf/bge-m3"
        with pytest.raises(openai.PermissionDeniedError, match="no providers from CN"):
            carol.embeddings.create(model="gemini-embedding-001", input="x")


def test_an_input_that_is_wrong_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="at least one text is needed"):
        client.embeddings.create(model="bge-m3", input=[])
    with pytest.raises(openai.BadRequestError, match="use float or base64"):
        client.embeddings.create(model="bge-m3", input="x", encoding_format="hex")  # type: ignore[arg-type]  # wrong on purpose


def test_another_keys_exchange_is_not_seen(vectors: World) -> None:
    _, headers, _ = vectors.request("/embeddings", json.dumps({"model": "bge-m3", "input": "x"}).encode())
    status, _, _ = vectors.request(f"/decisions/{headers['x-entrepot-exchange']}", key=OTHER_KEY)
    assert status == 404

"""The official google-genai SDK against a running gateway whose providers speak OpenAI chat: only its address is changed."""

from __future__ import annotations

from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def client(entrepot: World) -> Any:
    address = types.HttpOptions(base_url=entrepot.base_url.removesuffix("/v1"))
    made = genai.Client(api_key=KEY, http_options=address)
    yield made
    made.close()


def test_a_whole_answer(client: genai.Client) -> None:
    answer = client.models.generate_content(model="auto", contents="你好，世界")
    assert answer.text
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.candidates_token_count or 0) > 0


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: genai.Client) -> None:
    # A provider that writes all at once may be read, and rendered, as one chunk; this one pauses between its chunks.
    whole = client.models.generate_content(model="slow", contents="tell me something")
    pieces = [
        chunk.text or "" for chunk in client.models.generate_content_stream(model="slow", contents="tell me something")
    ]
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text


def test_an_error_is_the_sdks_own(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError, match="no route, model or deployment"):
        client.models.generate_content(model="nope", contents="x")

"""Google's own client (google-genai), spoken to by our dialect instead of by a server.

Its HTTP library hands each request to a function here, which parses it as the gateway would and answers with what the relay makes
of a provider's answer. No socket is opened.
"""

from __future__ import annotations

from typing import Any

import httpx2
from google import genai
from google.genai import types

from entrepot.dialects.base import Asked, Envelope, ProviderDialect, Target
from entrepot.dialects.gemini_generate import GeminiGenerate
from entrepot.dialects.registry import open_relay
from entrepot.errors import EntrepotError

DIALECT = GeminiGenerate()


class GooglesClient:
    """A client, and the requests that it made. Its next request is answered with `answer`.

    `answer` is the body that a provider of dialect `provider` sends, in pieces of `piece` bytes, or our own error; with
    `provider` None it is what the client gets.
    """

    def __init__(
        self, provider: ProviderDialect | None, answer: bytes | EntrepotError = b"", piece: int = 1 << 20
    ) -> None:
        self.provider = provider
        self.answer = answer
        self.piece = piece
        self.seen: list[Asked] = []
        http = httpx2.Client(transport=httpx2.MockTransport(self._respond))
        options = types.HttpOptions(base_url="http://gateway", httpx_client=http)
        # Any: every field of Google's types may be None, which a test finds out by using it.
        self.models: Any = genai.Client(api_key="k", vertexai=False, http_options=options).models

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        asked = DIALECT.parse_request(request.read(), Envelope(request.url.path, request.url.query.decode()))
        self.seen.append(asked)
        if isinstance(self.answer, EntrepotError):
            error = DIALECT.render_error(self.answer)
            return httpx2.Response(error.status, headers=list(error.headers), content=error.body)
        if self.provider is None:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self.answer)
        relay = open_relay(DIALECT, self.provider, asked, Target("https://provider", "model"))
        cuts = range(0, len(self.answer), self.piece)
        pieces = [*(relay.feed(self.answer[i : i + self.piece]) for i in cuts), relay.close()]
        failures = [each.failure for each in pieces if each.failure is not None]
        assert not failures, failures
        headers = {"content-type": relay.content_type.decode()}
        return httpx2.Response(200, headers=headers, content=b"".join(each.data for each in pieces))


def text_of(chunks: list[Any]) -> str:
    """The text that a stream's chunks say."""
    return "".join(chunk.text or "" for chunk in chunks)

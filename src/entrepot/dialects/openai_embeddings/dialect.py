"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from entrepot.dialects.embedding_dialect import EmbeddingDialect
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_embeddings.answer import read_answer, render_answer
from entrepot.dialects.openai_embeddings.request import parse_request, render_request
from entrepot.dialects.openai_embeddings.wire import DIALECT

OPENAI_EMBEDDINGS = EmbeddingDialect(
    DIALECT,
    parse_request=parse_request,
    render_request=render_request,
    read_answer=read_answer,
    render_answer=render_answer,
    error_body=error_body,
    parse_failure=parse_failure,
    quirks={
        "no_base64_vectors": "for embeddings, encoding_format is refused; a client that wants base64 gets it from us",
    },
)
"""OpenAI embeddings."""

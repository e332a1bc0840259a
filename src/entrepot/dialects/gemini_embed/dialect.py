"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from entrepot.dialects.embedding_dialect import EmbeddingDialect
from entrepot.dialects.gemini_embed.answer import read_answer, render_answer
from entrepot.dialects.gemini_embed.body import render_request
from entrepot.dialects.gemini_embed.request import parse_request
from entrepot.dialects.gemini_embed.wire import DIALECT
from entrepot.dialects.gemini_generate.failure import error_body, parse_failure

GEMINI_EMBED = EmbeddingDialect(
    DIALECT,
    parse_request=parse_request,
    render_request=render_request,
    read_answer=read_answer,
    render_answer=render_answer,
    error_body=error_body,
    parse_failure=parse_failure,
    content_type=b"application/json; charset=UTF-8",
)
"""Gemini embedContent and batchEmbedContents."""

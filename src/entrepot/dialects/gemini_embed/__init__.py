"""Gemini's embeddings (`embedContent`, `batchEmbedContents`), as clients speak it and as Google speaks it.

May import `dialects.base`, `dialects.address`, `dialects.vectors`, `dialects.embedding_dialect`, the wire, media and failures of
`dialects.gemini_generate`, `canonical` and `errors`. Start at `request.py`, then `answer.py`.

One input is asked for with `embedContent`, several with `batchEmbedContents`. Vertex AI has no batches, and its text models are
asked with `predict`; so a base address of Vertex AI takes one input at a time, or `predict`, by the model's name, as Google's own
library does (google-genai 2.34.0, `t_is_vertex_embed_content_model`).

Left out of a request of another dialect, because Gemini has no such thing: `user`.
"""

from entrepot.dialects.gemini_embed.dialect import GEMINI_EMBED

__all__ = ["GEMINI_EMBED"]

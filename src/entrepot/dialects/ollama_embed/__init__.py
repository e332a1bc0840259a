"""Ollama's native embeddings (`/api/embed`), as we speak it to servers.

May import `dialects.base`, `dialects.address`, `dialects.vectors`, `dialects.failure`, `canonical` and `errors`. One file:
`dialect.py`.

Left out of a request, because Ollama has no such thing: `user`, the task that a vector is for, the title of a document. What is
longer than the model's context is refused, not cut off, which Ollama would do unseen.
"""

from entrepot.dialects.ollama_embed.dialect import OllamaEmbed

__all__ = ["OllamaEmbed"]

"""The OpenAI embeddings dialect, as clients speak it to us and as we speak it to the providers whose chat dialect is OpenAI's.

May import `dialects.base`, `dialects.address`, `dialects.vectors`, `dialects.translation`, `dialects.failure`, the errors of
`dialects.openai_chat`, `canonical` and `errors`. Start at `request.py`, then `answer.py`.

Quirks a provider may declare (catalog `quirks`), beside those of its chat dialect:
`no_base64_vectors`: refuses `encoding_format`; a client that wants base64 gets it from us.

Left out of a request of another dialect, because OpenAI's models know no such thing: the task that a vector is for, and the
title of a document.
"""

from entrepot.dialects.openai_embeddings.dialect import OpenAIEmbeddings

__all__ = ["OpenAIEmbeddings"]

"""The OpenAI embeddings dialect, as clients speak it to us and as we speak it to the providers whose chat dialect is OpenAI's.

May import `dialects.base`, `dialects.address`, `dialects.vectors`, `dialects.embedding_dialect`, `dialects.failure`, the errors
of `dialects.openai_chat`, `canonical` and `errors`. Start at `request.py`, then `answer.py`.

Left out of a request of another dialect, because OpenAI's models know no such thing: the task that a vector is for, and the
title of a document.

Older versions of vLLM give base64 of 64-bit numbers. What a client of this dialect asks them for in base64 it gets as they
say it: nothing in the answer tells, and a wrong guess would spoil a right vector. Asked for numbers they give the right ones.
"""

from entrepot.dialects.openai_embeddings.dialect import OPENAI_EMBEDDINGS

__all__ = ["OPENAI_EMBEDDINGS"]

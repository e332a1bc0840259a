"""How large a context a request needs.

Rules of this file: a context is asked for in sizes that double from 8,192 tokens, because a server that is asked for another size
than before loads its model anew, which takes seconds: most requests then share one size. What is needed is our estimate of the
input with a quarter to spare, as it is made without the model's tokenizer, and room for the answer. More than the model's
context, where that is known, is never asked for.
"""

from __future__ import annotations

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.canonical.request import Request

LEAST_TOKENS = 8192
ANSWER_TOKENS = 2048
"""Room for an answer that no one has limited."""


def context_tokens_for(request: Request, max_output_tokens: int | None, model_tokens: int | None) -> int:
    """The `num_ctx` to ask for. `model_tokens` is the model's own context, None where unknown."""
    needed = estimate_input_tokens(request) * 5 // 4 + (max_output_tokens or ANSWER_TOKENS)
    size = LEAST_TOKENS
    while size < needed:
        size *= 2
    return size if model_tokens is None else min(size, model_tokens)

"""The legacy OpenAI completions dialect, as clients speak it to us; providers are asked for a chat.

May import `dialects.base`, `dialects.whole_answer`, `dialects.stream_answer`, `dialects.openai_chat`, `canonical` and `errors`.
Start at `request.py`, then `render.py`.

A prompt is one message of the user, so what answers is a chat model's reply and not the text's continuation. Refused, with
the reason: several prompts (each would be a call of its own), token ids, `suffix`, `best_of` above `n`, `echo` with
`logprobs`. Unlike OpenAI's own, no limit of 16 tokens is set where the client names none.

Left out of an answer, because the dialect has no words for it: reasoning, calls of tools, images, citations.
"""

from entrepot.dialects.openai_completions.dialect import OpenAICompletions

__all__ = ["OpenAICompletions"]

"""The OpenAI chat completions dialect, as clients speak it to us and as we speak it to the many providers that share it.

May import `dialects.address`, `dialects.base`, `dialects.sse`, `dialects.failure`, `dialects.seal`, `canonical` and `errors`.
Start at `request.py`, then `outgoing.py`; `relay.py` passes answers on, `answer.py` parses them, `render.py` and
`render_stream.py` say them.

Quirks a provider may declare (catalog `quirks`):
`max_completion_tokens`: the limit is called that, `max_tokens` is refused · `no_stream_options`: refuses `stream_options`,
reports usage unasked · `no_developer_role`: knows `system` only.
"""

from entrepot.dialects.openai_chat.dialect import OpenAIChat

__all__ = ["OpenAIChat"]

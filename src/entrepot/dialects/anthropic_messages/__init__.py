"""The Anthropic messages dialect, as clients speak it to us and as we speak it to providers.

May import `dialects.address`, `dialects.base`, `dialects.sse`, `dialects.failure`, `dialects.seal`, `canonical` and `errors`.
Start at `request.py`, then `outgoing.py`; `answer.py` parses answers, `render.py` and `render_stream.py` say them.
"""

from entrepot.dialects.anthropic_messages.dialect import AnthropicMessages

__all__ = ["AnthropicMessages"]

"""The OpenAI chat completions dialect, as clients speak it to us and as we speak it to the many providers that share it.

May import what dialects share, `canonical` and `errors`. Start at `request.py`, then `outgoing.py`; `relay.py` passes answers on,
`answer.py` parses them, `render.py` and `render_stream.py` say them; `quirks.py` names the departures that a provider may
declare.
"""

from entrepot.dialects.openai_chat.dialect import OpenAIChat

__all__ = ["OpenAIChat"]

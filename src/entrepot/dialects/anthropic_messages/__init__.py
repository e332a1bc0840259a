"""The Anthropic messages dialect, as clients speak it to us and as we speak it to providers.

May import what dialects share, `canonical` and `errors`. Start at `request.py`, then `outgoing.py`; `relay.py` passes answers on,
`answer.py` parses them, `render.py` and `render_stream.py` say them; `quirks.py` names the departures that a provider may
declare.
"""

from entrepot.dialects.anthropic_messages.dialect import AnthropicMessages

__all__ = ["AnthropicMessages"]

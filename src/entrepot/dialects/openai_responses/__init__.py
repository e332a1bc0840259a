"""The OpenAI responses dialect, as clients speak it to us and as we speak it to providers.

May import what dialects share, `canonical` and `errors`. Start at `request.py`, then `items.py` and `outgoing.py`; `answer.py`
parses answers, `render.py` and `render_stream.py` say them, `relay.py` passes them on; `quirks.py` names the departures that a
provider may declare. What a request points at instead of saying it is kept by `entrepot.server`, if anywhere.
"""

from entrepot.dialects.openai_responses.dialect import OpenAIResponses

__all__ = ["OpenAIResponses"]

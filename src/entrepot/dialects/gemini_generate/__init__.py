"""The Gemini generate dialect (`generateContent`, `streamGenerateContent`), as clients speak it and as Google speaks it.

May import what dialects share, `canonical` and `errors`. Start at `parts.py`, which both requests and answers are made of;
`request.py` and `body.py` are the two directions of a request, `answer.py` and `render.py` those of an answer (`relay.py`
passes it on); `quirks.py` names
the departures that a provider may declare.

Gemini API and Vertex AI differ in the address only: a deployment's base address ends before `/models/…`, e.g.
`https://generativelanguage.googleapis.com/v1beta` or, for the global location,
`https://aiplatform.googleapis.com/v1/projects/P/locations/global/publishers/google`.

Left out of a request of another dialect, because Gemini has no such thing: `user`, `parallel_tool_calls`, `strict`, names of
messages and schemas, `cache_control` (it caches by itself), an image's `detail`, a request's unnamed settings, reasoning that
another provider wrote. Downgraded: more than one allowed function is `required` for others; effort as `thinking.py` says.
A refusal in the history is sent as the text it is.

Left out of an answer of another dialect for a client of this one: parts that only its provider's dialect has (`Unknown`), results
of tools that the provider ran, media without data or address.
"""

from entrepot.dialects.gemini_generate.dialect import GeminiGenerate

__all__ = ["GeminiGenerate"]

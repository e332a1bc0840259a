"""The Bedrock Converse dialect (`converse`, `converse-stream`), as we speak it to Amazon Bedrock. No client speaks it to us.

May import `dialects.base`, `dialects.failure`, `dialects.names`, `canonical` and `errors`. Start at `outgoing.py`, then
`turns.py`; `models.py` knows what each maker's models take beyond Converse; `answer.py` parses answers, `eventstream.py` their
binary frames.

Left out of a request, because Converse has no such thing: `seed`, `logprobs`, penalties, `user`, `parallel_tool_calls`, names of
messages, an image's `detail`, an unsigned or another maker's reasoning, characters of a file's name that Bedrock refuses, and of
`Request.extra` all but Converse's own fields that a client adds by their own names (`PASSED_ON` in `outgoing.py`: a guardrail,
for one). Cache markers are left out for makers whose models refuse them, and right behind a document or a film, where Bedrock
refuses them for every model, they move before it.

Downgraded:
- `temperature` above 1 is sent as 1; for Claude, with a temperature `top_p` is left out, and with thinking both and `top_k` are.
- A JSON schema is Converse's own `outputConfig` where the model has structured output, with its objects closed; elsewhere, and
  for JSON without a schema, it is asked for in the system instructions. (A forced tool would exclude the caller's own tools.)
- `tool_choice` `none` leaves the tools out. Where the history holds calls, Converse demands tools: then they are sent, those of
  the history where the request has none, and the system instructions say not to call them.
- A forced choice is asked for in words where the model has no such choice; for a named tool it is then the only one sent.
- Thinking is left out where a call is forced, where the limit leaves no room for it, and, for a fixed budget, in a tool loop
  whose own thinking is not there to be replayed.
- Stop texts of nothing but white space are left out. A file without any text beside it is announced by its name.

Refused with a 400: more than one choice, an address that is not `s3://`, a file that another provider keeps, hosted tools, media
of a type Bedrock does not know or at a place where it takes none, calls without results and results without calls.

The answer names no model: the name that was asked for is said. Server tools' calls and results, which only Bedrock can word,
are kept as Unknown. Metrics are left out.
"""

from entrepot.dialects.bedrock_converse.dialect import BedrockConverse

__all__ = ["BedrockConverse"]

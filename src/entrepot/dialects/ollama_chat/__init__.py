"""The Ollama chat dialect (`/api/chat`), as we speak it to Ollama's own servers. No client speaks it to us.

May import `dialects.base`, `dialects.failure`, `dialects.openai_chat.think`, `canonical` and `errors`. Start at `outgoing.py`,
then `turns.py`; `context.py` says how large a context is asked for; `answer.py` parses answers, which come as lines of JSON
(`lines.py`).

Left out of a request, because Ollama has no such thing: `user`, `parallel_tool_calls`, `strict`, names of messages and schemas,
cache markers, an image's `detail`, sealed reasoning and reasoning of other dialects' providers but plain text, and of
`Request.extra` all but `logprobs`, `top_logprobs` and what a client adds by Ollama's own names (`keep_alive`, `options`).

Downgraded:
- A tool cannot be forced: a named tool is the only one sent, and a forced call is asked for in words. `none` leaves tools out.
- Effort is a level for models that think in levels (gpt-oss, or by quirk), else thinking is switched on or off.
- JSON without a schema is also asked for in words where no message speaks of JSON: without them models write white space.
- Where among a message's text an image stood is not said: Ollama puts images before it. Texts of one message are joined by a
  line end.
- A text file is sent as its text, behind its name. A failed tool's result says so in words. A refusal is the text it is.

Refused with a 400: more than one choice, addresses, files other than text, sounds, films, hosted tools, results of calls that
were not made.

Ollama cuts prompts that are longer than its context without a word (quirk 11 of the survey of wires), and its context is 4,096
tokens or less unless told. So `num_ctx` is sent (see `context.py`), and `truncate: false`, by which newer servers refuse what is
too long instead of cutting it; older ones pass it over.

Calls have no ids: they are numbered through the conversation, and results are matched by the tool's name and order. Durations are
left out of the answer.
"""

from entrepot.dialects.ollama_chat.dialect import OllamaChat

__all__ = ["OllamaChat"]

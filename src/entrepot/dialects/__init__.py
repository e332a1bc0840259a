"""How it is said on the wire: each dialect parses bytes to canonical values and renders them back.

May import `catalog`, `canonical`, `statistics`, `plugins` and `errors`; no I/O.
Start at `base.py` (what a dialect promises), then `registry.py` and `translation.py`; each dialect is a package of its own.
What they share: `request_body.py` takes requests apart, `answer_body.py` answers; `stream_answer.py` and `whole_answer.py` say
answers; `passage.py` passes them on between two of a dialect, `tally.py` keeps count; `failure.py` tells what an error means;
`sse.py` splits event streams. `checks.py` holds what every dialect must keep.
"""

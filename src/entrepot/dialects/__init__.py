"""How it is said on the wire: each dialect parses bytes to canonical values and renders them back.

May import `catalog`, `canonical`, `statistics`, `plugins` and `errors`; no I/O.
Start at `base.py` (what a dialect promises), then `openai_chat.py`; `sse.py` splits event streams.
"""

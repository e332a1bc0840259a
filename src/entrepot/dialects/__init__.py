"""How it is said on the wire: each dialect parses bytes to canonical values and renders them back.

May import `catalog`, `canonical`, `statistics`, `plugins` and `errors`; no I/O.
Start at `base.py` (what a dialect promises), then `registry.py` and `translation.py`; each dialect is a package of its own.
`checks.py` holds what every dialect must keep; `sse.py` splits event streams.
"""

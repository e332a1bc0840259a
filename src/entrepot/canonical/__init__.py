"""What is said: requests, answers and streams as frozen values, whatever the wire they came by.

May import `errors` and `plugins` only, and does no I/O.
Start at `request.py`, then `stream.py`; a whole answer (`response.py`) is the fold of its stream.
"""

"""One request from beginning to end, as a pure generator: it yields commands and is sent events.

May import everything below it (routing, policy, dialects, catalog, canonical, statistics) and does no I/O: clock, chance
and ids are passed in. Start at `course.py`, which narrates an exchange from top to bottom.
"""

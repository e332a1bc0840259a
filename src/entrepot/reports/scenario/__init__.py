"""What would have become of the ledger's decisions under other facts: replayed from what was estimated and used, never prompts.

May import what `reports` may: `ledger`, `exchange` and everything below.
Start at `columns.py` (what is read of an entry), then `world.py` (one set of facts), `replay.py` (decisions in it).
"""

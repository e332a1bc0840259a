"""What happened: spools written by gateways, the store they are ingested into, and its readers.

May import `exchange` and everything below it. Start at `spool.py`, then `store.py`.
"""

"""What was said, on routes that keep it: requests and answers in a spool, then in a store of their own beside the ledger.

May import `exchange`, what lies below it, and the modules of `ledger`. Start at `record.py`, then `store.py`.
"""

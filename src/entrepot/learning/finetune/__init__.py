"""What was said, made into lines that a model of one's own is fine-tuned on.

May import `ledger` and everything below it. Start at `export.py`; `terms.py` says whose answers may be learned from.
"""

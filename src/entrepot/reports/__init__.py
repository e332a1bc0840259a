"""What it cost and whether it was good: figures computed from the ledger, and their rendering.

May import `drive` and everything below it. Start at `savings.py`.
"""

"""Who may do what, kept and changed while the gateways run: keys, teams, members, rules, budgets, and the trail of changes.

May import `server` and everything below it. Start at `store.py`; `reload.py` is how a change reaches a gateway.
"""

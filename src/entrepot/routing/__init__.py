"""Which model should answer: estimators of quality and length, and the utility that turns estimates into a decision.

May import `catalog`, `canonical`, `statistics`, `plugins` and `errors`; no I/O, and importing a router opens nothing.
Start at `base.py` (what an estimator promises), then `utility.py` (how a choice is made of it).
"""

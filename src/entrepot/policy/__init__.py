"""Who may use what: rules over principals and deployments, decided without I/O.

May import `catalog`, `canonical`, `statistics`, `plugins` and `errors`.
Start at `rules.py`; `judgement.py` holds one rule against one deployment; `eligibility.py` is the one gate that every
attempt passes.
"""

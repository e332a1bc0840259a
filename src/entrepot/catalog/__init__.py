"""Who can answer: makers, models, providers and prices as data, and the deployments made of them.

May import `canonical`, `statistics`, `plugins` and `errors`; reads only the TOML that ships with it.
Start at `schema.py`; `pricing.py` is the one place where tokens become money.
"""

"""How it goes, told to who watches: metrics that all processes of an installation share, logs, spans for a collector.

May import `exchange` and everything below it. Start at `families.py`, then `series.py`; for OpenTelemetry at `genai.py`.
"""

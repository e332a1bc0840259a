"""What it cost and whether it was good: figures computed from the ledger, and their rendering.

May import `drive` and everything below it. A report measures (`measure_*`: a value of plain figures) and tabulates
(`tabulate_*`: that value as a `render.Table`). Start at `savings.py`.
"""

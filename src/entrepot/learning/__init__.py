"""Outcomes become better routers: reading outcome files, training, evaluation.

May import `drive` and everything below it. Start at `outcomes.py`, then `train.py`.
"""

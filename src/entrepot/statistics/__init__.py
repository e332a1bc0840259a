"""Intervals, tests and calibration: pure functions for learning and reports, each naming its paper.

May import `plugins` and `errors` only. Start at `intervals.py`.
"""

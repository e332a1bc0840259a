"""Intervals, tests and calibration: pure functions for learning and reports, each naming its paper.

May import `plugins` and `errors` only. Start at `intervals.py`. What may be looked at every day starts at `betting.py`: exact
tests and intervals for values between known ends; `arms.py` makes such values of an experiment, `margin.py` gives verdicts,
`detection.py` notices a fall.
"""

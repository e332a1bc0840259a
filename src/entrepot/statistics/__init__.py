"""Intervals, tests and calibration: pure functions for learning and reports, each naming its paper.

May import `plugins` and `errors` only. Start at `intervals.py`. What may be looked at every day starts at `betting.py`: exact
tests and intervals for values between known ends. `arms.py` and `costs.py` make such values of an experiment, `judges.py` of
what judges and people say, `offpolicy.py` of logs; `margin.py` gives verdicts, `ladder.py` those of a whole trial, `detection.py`
and `drift.py` notice what changed.
"""

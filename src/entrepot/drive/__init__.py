"""An exchange performed: carries out its commands, feeds back events.

May import `upstream`, `ledger`, `exchange` and everything below. Start at `driver.py`.
"""

"""An exchange performed: carries out its commands, feeds back events; used by the server, by collection and by shadow calls.

May import `upstream`, `ledger`, `exchange` and everything below. Start at `driver.py`.
"""

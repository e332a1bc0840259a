"""Stand-in providers on loopback: they speak each dialect, with real quirks and real faults, for tests, demo and drills.

Never imports `dialects`: a misunderstanding of the wire must not pass on both sides. Start at `provider.py`.
"""

"""The `entrepot` command: one file a command group, each of which parses, calls and prints.

May import everything. Start at `main.py`.
"""

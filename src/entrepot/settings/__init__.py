"""entrepot.toml and the environment become one frozen `Settings`; nobody else reads our environment variables.

May import `drive` and everything below it. Start at `schema.py`.
"""

"""HTTP in: raw ASGI endpoints, authentication, and nothing that decides.

May import `drive`, `settings`, `reports`, `learning` and everything below. Start at `endpoints.py`.
"""

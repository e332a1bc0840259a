"""The call: our own HTTP/1.1 client, its pool and the credentials it sends.

May import `exchange` and everything below it. Start at `client.py`.
"""

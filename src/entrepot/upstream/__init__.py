"""The call: our own HTTP/1.1 client, its pool and the credentials it sends.

May import `exchange` and everything below it. Start at `client.py`; `response.py` holds the rules by which an answer is
read (no I/O), `connection.py` ties it to a socket, `dial.py` opens one, directly or through a proxy.
"""

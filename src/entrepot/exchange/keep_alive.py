"""When a client that waits for a stream has heard nothing for too long, and what it is then sent.

Rules of this file: proxies drop connections that are silent for a minute, and a model that reasons is silent for longer. What
keeps a connection alive says nothing and commits us to nothing: before the first content of an answer another candidate may
still be asked, and if none answers the error comes inside the stream, because a head can be sent once only.
"""

from __future__ import annotations

import math


class KeepAlive:
    """The silence of one exchange. `data` is the client dialect's way to say nothing; without any the client waits in silence.

    Times are monotonic seconds.
    """

    def __init__(self, data: bytes, interval_s: float, now_s: float) -> None:
        self.data = data
        self._interval_s = interval_s if data and interval_s > 0 else math.inf
        self.due_s = now_s + self._interval_s

    def heard(self, now_s: float) -> None:
        """Something was sent."""
        self.due_s = now_s + self._interval_s

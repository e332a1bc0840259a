"""How much may be done beside what was asked for: retries and hedges, as a share of the exchanges of one gateway process.

Rules of this file: no clock. Every exchange adds its share, everything that is taken costs one, and no more than MOST can be
saved up: so a quiet gateway may repeat itself, and a provider's outage is not answered with a storm. After the retry budget of
Finagle and the retry throttling of gRPC (proposal A6).
"""

from __future__ import annotations

MOST = 10.0
"""So many can be saved up, and are there at the start."""


class Allowance:
    """What is left to be taken. One for retries and one for hedges, shared by all exchanges of a process."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.left = MOST if share > 0 else 0.0
        self.refused = 0

    def earn(self) -> None:
        """An exchange begins."""
        self.left = min(MOST, self.left + self.share)

    def take(self) -> bool:
        """Whether one more may be done; then it is counted."""
        if self.left < 1.0:
            self.refused += 1
            return False
        self.left -= 1.0
        return True


class Allowances:
    """What the exchanges of one gateway process may do beside what they were asked for."""

    def __init__(self, retries: float = 0.1, hedges: float = 0.05) -> None:
        self.retries = Allowance(retries)
        self.hedges = Allowance(hedges)

    def earn(self) -> None:
        """An exchange begins."""
        self.retries.earn()
        self.hedges.earn()

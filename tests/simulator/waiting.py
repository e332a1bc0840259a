"""For tests: waiting for what another task will do, with the test's own timeout as the only limit."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Let other tasks run until `condition` holds."""
    while not condition():
        await asyncio.sleep(0.002)

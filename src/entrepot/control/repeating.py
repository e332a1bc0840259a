"""A duty of the control process, done again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from entrepot.errors import EntrepotError


async def repeat(duty: Callable[[], object], stop: asyncio.Event, interval_s: float) -> None:
    """Do something again and again, beside the loop, until told to stop. Failures are logged once and tried again."""
    last_failure = ""
    while not stop.is_set():
        try:
            await asyncio.to_thread(duty)
            last_failure = ""
        except EntrepotError as error:
            if error.message != last_failure:
                logging.getLogger("entrepot.control").error("%s", error.message)
            last_failure = error.message
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_s)

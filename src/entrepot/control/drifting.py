"""Drift watched by the control process: a sample of what comes is read, alarms are told to people, once each.

Rules of this file: what a version is held against is kept with the learning's status, so a restart forgets nothing. An alarm
stands until another version is in force, or for a week; then what comes is measured against how things are by then.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from entrepot.catalog.price import Price
from entrepot.control.webhooks import Outbox
from entrepot.errors import DataError, EntrepotError
from entrepot.learning.drift_watch import (
    NEWEST,
    PROMPT_DECODER,
    WEEK_S,
    alarms_of,
    features_of,
    outcomes_alarm,
    prices_alarm,
    promise_alarm,
    prompts_alarm,
    with_prompts,
)
from entrepot.learning.live_outcomes import Exchange
from entrepot.learning.promises import Promises, read_promises
from entrepot.learning.status import AlarmKind, DriftAlarm, Features, Reference
from entrepot.ledger.reading import RelationalReader
from entrepot.settings.schema import Settings

SAMPLE = 200
"""Entries that are read at a look, the newest: what a ledger of thousands a second can spare."""
log = logging.getLogger("entrepot.learning")


class Drifting:
    """Watches an installation. `read` resolves the reference to a webhook's address."""

    def __init__(
        self, settings: Settings, reader: RelationalReader, read: Callable[[str], str], outbox: Outbox | None = None
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._read = read
        self._outbox = outbox or Outbox(allow_inside=settings.counters.webhooks_inside)
        self._seq: int | None = None
        self._newest: list[Features] = []

    def look(
        self,
        about: str,
        exchanges: Sequence[Exchange],
        before: tuple[Reference, tuple[DriftAlarm, ...]],
        now_s: float,
    ) -> tuple[Reference, tuple[DriftAlarm, ...]]:
        """What stands now, of version `about` and the exchanges since it was promoted. Raises LedgerError."""
        reference, alarms = before
        prices = prices_at(self._settings, now_s)
        old = [one for one in alarms if one.kind != "promise" and now_s - one.at_s > WEEK_S]
        if reference.about != about or old:
            reference, alarms, self._newest = Reference(about, now_s, prices=prices), (), []
        reference, rest = with_prompts(reference, self._sample())
        self._newest = [*self._newest, *rest][-NEWEST:]
        found: dict[AlarmKind, str | None] = {
            "prompts": prompts_alarm(reference, self._newest),
            "outcomes": outcomes_alarm(exchanges),
            "promise": promise_alarm(self._promises()),
            "prices": prices_alarm(reference, prices),
        }
        after = alarms_of(found, alarms, now_s)
        known = {one.kind for one in alarms}
        for one in after:
            if one.kind not in known:
                log.warning("%s", one.what)
                self.tell("router.alarm", {"kind": one.kind, "what": one.what, "router": about}, now_s)
        return reference, after

    def tell(self, type_: str, body: dict[str, str], now_s: float) -> None:
        """Send a message to the webhook of learning, where there is one."""
        webhook = self._settings.learning.webhook
        if webhook is not None:
            try:
                url = webhook if "://" in webhook else self._read(webhook)
            except EntrepotError as error:
                log.error("%s", error.message)
                return
            at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
            self._outbox.put(url, {"type": type_, **body, "at": at})

    def send(self, now_s: float) -> None:
        """Send what is due."""
        self._outbox.run_once(now_s)

    def _sample(self) -> list[Features]:
        """Features of the newest entries since the last look, oldest first."""
        if self._seq is None:
            ((last,),) = self._reader.ask("SELECT coalesce(max(seq), 0) FROM entries", ())
            self._seq = max(0, int(last) - NEWEST)
        rows = self._reader.ask(
            "SELECT seq, document FROM documents WHERE seq > ? ORDER BY seq DESC LIMIT ?", (self._seq, SAMPLE)
        )
        found = []
        for seq, document in reversed(rows):
            self._seq = max(self._seq, int(seq))
            with contextlib.suppress(msgspec.MsgspecError):  # of another version: nothing is learned from it
                features = features_of(PROMPT_DECODER.decode(document))
                if features is not None:
                    found.append(features)
        return found

    def _promises(self) -> Promises:
        try:
            return read_promises(self._settings.ledger.directory)
        except DataError:  # who keeps promises says so
            return Promises()


def prices_at(settings: Settings, now_s: float) -> dict[str, str]:
    """What 1,000 tokens in and 500 out cost at each deployment, in dollars, by the list of the day; hours do not count."""
    day = datetime.fromtimestamp(now_s, UTC).date().isoformat()
    rate = {"USD": Decimal(1), "CNY": settings.exchange_rates.usd_per_cny}
    return {
        one.id: str(_amount(one.price, day) * rate[one.price.currency])
        for one in settings.deployments
        if one.price is not None
    }


def _amount(price: Price, day: str) -> Decimal:
    begun = [change for change in price.changes if change.starts_on <= day]
    now = begun[-1] if begun else price
    return (now.input_per_mtok * 1000 + now.output_per_mtok * 500) / 1_000_000

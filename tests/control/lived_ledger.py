"""A ledger with what was lived through, and the learner of its installation."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from entrepot.catalog.pricing import ExchangeRates
from entrepot.control.learning import Learner
from entrepot.control.place import ControlPlace
from entrepot.control.routers import learned_in, running_in
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.learning.train import save_artifact
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import SqliteStore
from entrepot.routing.correction import Adjustment, Correction
from entrepot.settings.schema import GatewaySettings, LearningSettings, LedgerSettings, Settings
from tests.control.books import a_store
from tests.learning.fitted import an_artifact
from tests.learning.lived import lived

BAD = Correction(models={"cheap": Adjustment(1.0, -2.5, 0.0)})
START_S = 1_790_000_000.0


class Ledger:
    """A ledger with what was lived through, and the learner of its installation."""

    def __init__(self, directory: Path, store: SqliteStore, **learning: object) -> None:
        router = directory / "mine.router"
        save_artifact(an_artifact(), router)
        self.now_s = START_S
        self.directory = directory
        self.store = store
        self.settings = Settings(
            gateway=GatewaySettings(port=0),
            ledger=LedgerSettings(str(directory)),
            deployments=(),
            routes=(),
            exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
            router=str(router),
            learning=LearningSettings(**{"absorb_s": 0.0, "refit_s": None, **learning}),  # type: ignore[arg-type]  # of a test
        )
        self.learner = Learner(self.settings, ControlPlace(directory), store, {}, lambda: self.now_s)

    def live(self, count: int, seed: int, truth: Correction = BAD, source: str = "user") -> None:
        entries, said = [], []
        for number, one in enumerate(lived(truth, count, seed, version=an_artifact().version)):
            started_ns = round(self.now_s * 1e9) + number * 1_000_000
            id_ = f"{seed:04}-{number:06}"
            entries.append(
                msgspec.structs.replace(
                    sample_entry(number), id=id_, started_ns=started_ns, served=one.entry.served,
                    decision=one.entry.decision, grounds=one.entry.grounds, route="auto",
                )
            )  # fmt: skip
            said.append(Outcome(f"o-{id_}", id_, started_ns + 1, source, "k", one.score))  # type: ignore[arg-type]  # a word of the closed list
        self.insert(entries, said)

    def insert(self, entries: list[Entry], said: list[Outcome]) -> None:
        self.store.insert(entries)
        self.store.insert_documents([], said)

    def in_force(self) -> tuple[str, Correction | None]:
        with a_store(self.directory) as control:
            running = running_in(control.snapshot(), an_artifact())
            learned = learned_in(control.snapshot())
            return running.version.made_by, None if learned is None else learned.correction

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.catalog.pricing import ExchangeRates
from entrepot.control.objects import RouterVersion, Running
from entrepot.control.routers import put_in_place, running_in
from entrepot.exchange.plan import Route
from entrepot.learning.promises import promises_path, read_promises
from entrepot.learning.shelf import put_on_shelf
from entrepot.learning.train import save_artifact
from entrepot.router_in_force import PromiseKeeper, Routers, bind_router, choices_builder, keep_promises
from entrepot.routing.base import Prompt
from entrepot.routing.correction import Adjustment, Correction, Learned
from entrepot.settings.schema import FreshSettings, GatewaySettings, LedgerSettings, Settings
from tests.control.books import a_store, at
from tests.exchange.things import a_deployment
from tests.learning.fitted import an_artifact

WORSE = Correction(models={"通义": Adjustment(1.0, -3.0, 0.0)})


def settings_in(directory: Path) -> Settings:
    return Settings(
        gateway=GatewaySettings(port=0),
        ledger=LedgerSettings(str(directory)),
        deployments=(a_deployment("host/通义"), a_deployment("dear/large")),
        routes=(Route("auto", ("host/通义", "dear/large"), reference="dear/large"),),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
    )


def p_of(settings: Settings, model: str) -> float:
    return float(bind_router(settings, [model]).predict(Prompt("What is 2 plus 2?", 8)).p_correct[0])


async def test_promises_are_kept_only_where_something_can_change_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await keep_promises(settings, asyncio.Event())
    assert not promises_path(tmp_path).exists()
    stop = asyncio.Event()
    fresh = FreshSettings((f"{tmp_path}/none*.jsonl",), (f"{tmp_path}/none*.jsonl",))
    task = asyncio.create_task(keep_promises(msgspec.structs.replace(settings, fresh=fresh), stop))
    while not promises_path(tmp_path).exists():
        await asyncio.sleep(0.01)
    stop.set()
    await task
    assert list(read_promises(tmp_path).routes) == ["auto"]


def test_what_was_learned_holds_over_the_file_that_it_was_learned_over_and_no_other(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    file = Routers(settings).file
    learned = Learned("mine", file.digest, file.digest, WORSE)
    plain = p_of(settings, "通义")
    assert p_of(msgspec.structs.replace(settings, learned=learned), "通义") < plain - 0.3
    elsewhere = msgspec.structs.replace(learned, over="another file")
    assert p_of(msgspec.structs.replace(settings, learned=elsewhere), "通义") == plain


def test_a_version_whose_file_is_on_the_shelf_is_used_and_one_whose_file_is_not_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, other = settings_in(tmp_path), tmp_path / "other.router"
    save_artifact(an_artifact(), other)
    routers = Routers(settings)
    learned = Learned("other", an_artifact().digest, routers.file.digest)
    assert routers.get(learned)[0].digest == routers.file.digest
    assert "is not here" in caplog.text
    put_on_shelf(tmp_path, other)
    artifact, router = routers.get(learned)
    assert (artifact.digest, router.version) == (an_artifact().digest, "other")


def test_choices_are_compiled_with_the_version_that_is_in_force(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    routers = Routers(settings)
    build = choices_builder(settings, routers)
    learned = Learned("worse", routers.file.digest, routers.file.digest, WORSE)
    assert build(settings).router_version == routers.file.version
    corrected = msgspec.structs.replace(settings, learned=learned)
    assert build(corrected).router_version == "worse"
    assert build(corrected).knobs["auto"] != build(settings).knobs["auto"]


def test_promises_are_made_anew_when_another_version_is_in_force(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with a_store(tmp_path) as store:
        keeper = PromiseKeeper(settings)
        assert keeper.run_once(0.0)
        before = read_promises(tmp_path).routes["auto"]
        assert not keeper.run_once(0.0)
        file = Routers(settings).file
        with at(store) as book:
            running: Running = running_in(book.snapshot(), file)
            version = RouterVersion("worse", file.digest, file.version, WORSE)
            put_in_place(book, running, version, "me", "to see")
        assert keeper.run_once(0.0)
    after = read_promises(tmp_path).routes["auto"]
    assert after.about != before.about
    assert after.knob != before.knob

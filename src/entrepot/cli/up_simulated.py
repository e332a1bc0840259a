"""What `entrepot up --simulate` serves: the demonstration's stand-ins, on this machine. Imported only then."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from pathlib import Path

import msgspec

from entrepot.catalog.load import load_catalog
from entrepot.cli.demo_generated import settings_of
from entrepot.cli.demo_stage import KEY_VARIABLE, Stage
from entrepot.settings.client_key import ENTROPY_BYTES, make_key
from entrepot.settings.discover import Discovery
from entrepot.settings.schema import GatewaySettings
from entrepot.simulator.cast import build_cast
from entrepot.simulator.process import simulator_process


def open_simulated(stack: contextlib.ExitStack, environ: dict[str, str]) -> Discovery:
    """The demonstration's stand-ins, for as long as `stack` lasts; their key goes into `environ`."""
    catalog = load_catalog()
    environ[KEY_VARIABLE] = secrets.token_urlsafe(24)
    cast = build_cast(catalog, seed=1, tasks=0, key=environ[KEY_VARIABLE])
    places = stack.enter_context(simulator_process(cast.plan))
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="entrepot-simulated-"))
    key = make_key(secrets.token_bytes(ENTROPY_BYTES)).text
    stage = Stage(key, Path(directory), GatewaySettings().port)
    settings = settings_of(stage, cast, places, catalog.exchange_rates, f"env:{KEY_VARIABLE}")
    told = "the providers are SIMULATED: stand-ins on this machine that echo; nothing leaves it, and its ledger goes with it"
    return Discovery(msgspec.structs.replace(settings, source="simulated"), (told,), key)

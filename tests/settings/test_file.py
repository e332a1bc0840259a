from __future__ import annotations

import msgspec
import pytest

from entrepot.exchange.plan import Deadlines
from entrepot.settings.file import GatewayTable, SettingsFile, TimeoutsTable
from entrepot.settings.schema import GatewaySettings


def test_what_the_file_leaves_out_is_what_the_gateway_does_by_itself() -> None:
    assert msgspec.structs.asdict(TimeoutsTable()) == msgspec.structs.asdict(Deadlines())
    written, resolved = msgspec.structs.asdict(GatewayTable()), msgspec.structs.asdict(GatewaySettings())
    assert written.pop("max_body_mb") * 1024 * 1024 == resolved.pop("max_body_bytes")
    assert written == resolved


def test_an_empty_file_has_every_table() -> None:
    assert msgspec.convert({}, SettingsFile) == SettingsFile()


@pytest.mark.parametrize("table", [GatewayTable(), TimeoutsTable()], ids=["gateway", "timeouts"])
def test_every_default_is_within_its_own_bounds(table: GatewayTable | TimeoutsTable) -> None:
    assert msgspec.convert(msgspec.to_builtins(table), type(table)) == table

"""The volume becomes read-only under a running installation, as a kernel makes it when the disk fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrepot.settings.schema import GatewaySettings, LedgerSettings
from tests.end_to_end.test_durability import lost
from tests.end_to_end.world import eventually, world
from tests.small_disk import failing_disk

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("when_full", ["serve", "refuse"])
def test_a_volume_that_becomes_read_only_is_told_and_answered_as_the_operator_wants(
    tmp_path: Path, when_full: str, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    with failing_disk(disk, tmp_path / "image", 128) as fail:
        ledger = LedgerSettings(str(disk), reserve_bytes=1024 * 1024, when_full=when_full)  # type: ignore[arg-type]  # one of its words
        with world(disk, ledger=ledger, gateway=GatewaySettings(port=0, processes=2)) as entrepot:
            gateways = [child.process.pid for child in entrepot.installation.supervisor._gateways]
            assert [entrepot.chat()[0] for _ in range(8)] == [200] * 8
            fail()
            seen = [entrepot.chat() for _ in range(20)]
            if when_full == "serve":
                assert {status for status, _, _ in seen} == {200}
                assert eventually(lambda: lost(entrepot) == 20)
            else:
                # The first that each process could not write down was answered already; then it refuses.
                assert {body["error"]["code"] for status, _, body in seen if status != 200} == {"entries_unwritable"}

            def told() -> bool:
                status, _, body = entrepot.request("//readyz", key=None)
                return status == 503 and "could not be written to the spool" in json.loads(body)["trouble"]

            assert all(told() for _ in range(4))
            assert entrepot.request("//livez", key=None)[0] == 200
            assert [child.process.pid for child in entrepot.installation.supervisor._gateways] == gateways
            assert [child.process.poll() for child in entrepot.installation.supervisor._gateways] == [None, None]
        assert "Traceback" not in capfd.readouterr().err

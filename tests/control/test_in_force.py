from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.control.in_force import names_in_file, put_in_force, read_in_force
from entrepot.control.objects import Secret, Snapshot, StoredKey
from entrepot.policy.rules import Facts, Rule
from entrepot.policy.teams import Team
from entrepot.settings.schema import LedgerSettings
from tests.control.books import a_key, a_store
from tests.settings.toml import ONE_DEPLOYMENT, load

FILE = f"""{ONE_DEPLOYMENT}
[[keys]]
name = "web"
sha256 = "{"0" * 64}"
[[keys]]
name = "absent"
secret = "env:NOT_THERE"
[[teams]]
name = "法务"
[[policy]]
name = "r"
deny = {{ region = ["CN"] }}
"""


def test_both_hold_and_the_file_counts_where_both_have_a_name(tmp_path: Path) -> None:
    settings = load(tmp_path, FILE)
    secret = Secret("1" * 64, "ent-", 0)
    kept = Snapshot(
        keys=tuple(StoredKey(name, (secret,), 0) for name in ("absent", "shop", "web")),
        teams=(Team("法务", "集团"),),
        rules=(Rule("r", deny=Facts(region=("US",))),),
    )
    merged = put_in_force(settings, kept)
    assert [(key.name, key.sha256[0]) for key in merged.keys] == [("web", "0"), ("shop", "1")]
    assert merged.teams == (Team("法务"), Team("法务", "集团"))
    assert [rule.deny for rule in merged.rules] == [Facts(region=("CN",)), Facts(region=("US",))]
    assert names_in_file(settings) == {"web", "absent"}


def test_without_a_store_the_settings_are_in_force_and_none_is_made(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(load(tmp_path, FILE), ledger=LedgerSettings(str(tmp_path / "data")))
    assert read_in_force(settings) is settings
    assert not (tmp_path / "data").exists()
    with a_store(tmp_path / "data") as store:
        a_key(store, "shop")
    assert [key.name for key in read_in_force(settings).keys] == ["web", "shop"]

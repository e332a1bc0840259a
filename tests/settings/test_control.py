from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.settings.schema import ControlSettings, OidcSettings
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

OIDC = "[control.oidc]\nissuer = 'https://id.example/realm'\nclient_id = 'us'\n"


def test_without_a_word_it_listens_on_this_machine(tmp_path: Path) -> None:
    assert load(tmp_path, ONE_DEPLOYMENT).control == ControlSettings()


def test_an_identity_provider_is_kept_with_a_reference_to_its_secret(tmp_path: Path) -> None:
    more = "client_secret = 'file:secret'\nadmin_groups = ['管理员']\nteams = { '法务部' = '法务' }\n"
    document = f"[control]\nsession_hours = 1\npublic_url = 'https://gw.example'\n{OIDC}{more}{ONE_DEPLOYMENT}"
    control = load(tmp_path, document).control
    assert control == ControlSettings(
        session_s=3600.0,
        public_url="https://gw.example",
        oidc=OidcSettings(
            "https://id.example/realm",
            "us",
            f"file:{tmp_path / 'secret'}",
            scopes=("profile", "email"),
            admin_groups=("管理员",),
            teams={"法务部": "法务"},
        ),
    )


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (OIDC, "control.oidc: it lets nobody in"),
        (f"{OIDC}admin_groups = ['a']\nclient_secret = 'hunter2-hunter2'\n", "control.oidc.client_secret: write where"),
        (
            "[control]\npublic_url = 'http://gw.example'\n",
            "control.public_url: 'http://gw.example' must begin with https",
        ),
        ("[control]\npublic_url = 'gw.example'\n", "must begin with https"),
        (OIDC.replace("https:", "http:") + "admin_groups = ['a']\n", "control.oidc.issuer: "),
        (f"{OIDC}admin_group = ['a']\n", "did you mean 'admin_groups'?"),
    ],
)
def test_what_cannot_be_meant_is_told(document: str, told: str, tmp_path: Path) -> None:
    said = refuse(tmp_path, document + ONE_DEPLOYMENT)
    assert told in said
    assert "hunter2" not in said

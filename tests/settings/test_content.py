"""[content] in the settings: how it is resolved, what is refused, and the keys that it refers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.ledger.content.seal import id_of, make_key, read_key
from entrepot.settings.content import content_seals, storing_routes
from entrepot.settings.load import load_settings
from entrepot.settings.schema import ContentSettings, Settings

DEPLOYMENT = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'


def load(directory: Path, text: str) -> Settings:
    file = directory / "entrepot.toml"
    file.write_text(DEPLOYMENT + text)
    return load_settings(file, {})


def test_nothing_is_kept_unless_a_route_says_so(tmp_path: Path) -> None:
    settings = load(tmp_path, '[[routes]]\nname = "auto"\n')
    assert storing_routes(settings) == frozenset()
    assert settings.content == ContentSettings()


def test_routes_and_how_long_and_with_which_key(tmp_path: Path) -> None:
    text = """
        [content]
        keep_days = 7
        max_mb = 2
        encrypt_with = "file:keys/new"
        decrypt_with = ["env:OLD"]
        [[routes]]
        name = "kept"
        store_content = true
        [[routes]]
        name = "other"
    """
    settings = load(tmp_path, text)
    assert storing_routes(settings) == {"kept"}
    assert settings.content == ContentSettings(7, 2 * 1024 * 1024, f"file:{tmp_path}/keys/new", ("env:OLD",))
    (tmp_path / "keys").mkdir()
    new, old = make_key(), make_key()
    (tmp_path / "keys" / "new").write_text(new + "\n")
    seals = content_seals(settings, {"OLD": old})
    assert seals.current == id_of(read_key(new, ""))
    sealed_by, sealed = content_seals(load(tmp_path, '[content]\nencrypt_with = "env:OLD"'), {"OLD": old}).seal(
        b"words", "exchange-1", "said"
    )
    assert seals.open(sealed, sealed_by, "exchange-1", "said") == b"words"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('encrypt_with = "my secret"', r"content\.encrypt_with: write where the secret is found"),
        ('encrypt_with = "env:K"\ndecrypt_with = ["env:A", "oops"]', r"content\.decrypt_with\[1\]: write where"),
        ('decrypt_with = ["env:A"]', r"content\.decrypt_with: without encrypt_with, what is new would lie open"),
        ("keep_days = 0", r"content\.keep_days"),
        ("max_mb = 15", r"content\.max_mb"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        load(tmp_path, f"[content]\n{text}\n")
    assert "my secret" not in str(caught.value)


def test_a_key_that_is_not_there_or_is_none_is_told_of_by_its_reference(tmp_path: Path) -> None:
    settings = load(tmp_path, '[content]\nencrypt_with = "env:CONTENT_KEY"')
    with pytest.raises(SettingsError, match="env:CONTENT_KEY has no value"):
        content_seals(settings, {})
    with pytest.raises(SettingsError, match="env:CONTENT_KEY is not a key for content"):
        content_seals(settings, {"CONTENT_KEY": "passphrase"})

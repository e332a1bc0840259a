"""[learning] in the settings: how it is resolved, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.settings.load import load_settings
from entrepot.settings.schema import LearningSettings

DEPLOYMENT = '[[deployments]]\nprovider = "deepseek"\nmodel = "deepseek-v4.1-flash"\n'


def load(directory: Path, text: str) -> LearningSettings:
    file = directory / "entrepot.toml"
    file.write_text(DEPLOYMENT + text, encoding="utf-8")
    return load_settings(file, {}).learning


def test_by_default_it_learns_and_promotes_what_is_better(tmp_path: Path) -> None:
    assert load(tmp_path, "") == LearningSettings()


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = '[learning]\nabsorb = false\nrefit = "weekly"\npromote = false\nleast = 900\nlast_days = 30\n'
    found = load(tmp_path, text + 'webhook = "file:hook.txt"\n')
    assert found == LearningSettings(
        absorb=False, refit_s=7 * 86_400.0, promote=False, least=900, last_days=30, webhook=f"file:{tmp_path}/hook.txt"
    )
    assert load(tmp_path, '[learning]\nrefit = "off"\nwebhook = "https://alarms.example/x"\n').refit_s is None


@pytest.mark.parametrize("text", ['webhook = "the one in the wiki"', 'refit = "nightly"', "least = 3"])
def test_what_cannot_be_meant_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="learning"):
        load(tmp_path, f"[learning]\n{text}\n")

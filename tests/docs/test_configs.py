"""Tests of the sample configurations that the documents show: each loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.settings.load import load_settings
from tests.docs.test_docs import find_sample_configs

SAMPLES = find_sample_configs()
SECRETS = {
    name: f"made-up-{name}" for name in ("DEEPSEEK_API_KEY", "OPENAI_API_KEY", "ENTREPOT_KEY", "ENTREPOT_SUPPORT_KEY")
}


@pytest.mark.parametrize("text", [text for _, text in SAMPLES], ids=[where for where, _ in SAMPLES])
def test_a_sample_configuration_loads(text: str, tmp_path: Path) -> None:
    file = tmp_path / "entrepot.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, SECRETS)
    assert settings.deployments
    assert settings.warnings == ()


def test_both_readmes_mean_the_same_configuration(tmp_path: Path) -> None:
    meant = []
    for where, text in SAMPLES:
        if where.startswith("README"):
            (tmp_path / "entrepot.toml").write_text(text, encoding="utf-8")
            meant.append(load_settings(tmp_path / "entrepot.toml", SECRETS))
    english, chinese = meant
    assert chinese == english

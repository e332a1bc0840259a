"""The guides on networks, deploying and kept content: every piece of settings in them loads, and means what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.settings.load import load_settings
from entrepot.settings.schema import Settings
from tests.docs.fences import find_fences

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
PIECES = [
    (f"{name}-{number}", fence.text)
    for name in ("network", "deploy", "content")
    for number, fence in enumerate(find_fences((GUIDES / f"{name}.md").read_text(encoding="utf-8")))
    if fence.language == "toml"
]


def load(text: str, directory: Path) -> Settings:
    file = directory / "entrepot.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, {"DEEPSEEK_API_KEY": "made-up"})


@pytest.mark.parametrize("text", [text for _, text in PIECES], ids=[where for where, _ in PIECES])
def test_settings_in_a_guide_load(text: str, tmp_path: Path) -> None:
    loaded = load(text, tmp_path)
    assert loaded.deployments
    # A route that nobody wrote is the only thing that may have been chosen for the reader.
    assert [each for each in loaded.warnings if not each.startswith("route 'auto' names no reference")] == []


def test_they_mean_what_is_said_beside_them(tmp_path: Path) -> None:
    tls, certified, socket, own, container, content = (load(text, tmp_path) for _, text in PIECES)
    assert tls.gateway.tls is not None
    assert tls.gateway.tls.minimum_version == "1.3"
    assert [key.certificate for key in certified.keys] == ["spiffe://acme/batch"]
    assert socket.gateway.socket == "/run/entrepot/gateway.sock"
    assert [each.way.socket for each in own.deployments if each.way is not None] == [None, "/run/vllm/api.sock"]
    assert container.ledger.directory == "/var/lib/entrepot"
    assert [(route.name, route.store_content) for route in content.routes] == [("support", True)]
    assert content.content.encrypt_with == "env:CONTENT_KEY"

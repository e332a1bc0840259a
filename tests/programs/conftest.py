from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.programs.installation import gateway_before
from tests.programs.scripted import PATHS, Script, ScriptedProvider, call_then_tell, scripted_provider


@pytest.fixture(scope="session")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScriptedProvider, str]]:
    with scripted_provider(call_then_tell()) as provider:
        base_urls: dict[str, str] = {dialect: provider.base_url(dialect) for dialect in PATHS}
        with gateway_before(base_urls, tmp_path_factory.mktemp("programs")) as address:
            yield provider, address


class Stage:
    """The gateway's `address`, without a path, and the provider behind all of its deployments, which follows a script."""

    def __init__(self, provider: ScriptedProvider, address: str) -> None:
        self.provider = provider
        self.address = address

    def play(self, script: Script) -> None:
        """Follow this script from here on; what was asked before is forgotten."""
        self.provider.script = script
        self.provider.requests.clear()


@pytest.fixture
def stage(_installation: tuple[ScriptedProvider, str]) -> Stage:
    """One installation for all tests of programs that run in this process, with a script of its own for each."""
    made = Stage(*_installation)
    made.play(call_then_tell())
    return made

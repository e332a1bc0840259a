from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.clients import Client
from tests.end_to_end.pairs import CLIENTS, PROVIDERS, clients_of, pairs_world
from tests.end_to_end.world import World, world


@pytest.fixture(scope="session")
def entrepot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation for all tests that leave it as they found it."""
    with world(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation with a provider of every dialect."""
    with pairs_world(tmp_path_factory.mktemp("pairs")) as installation:
        yield installation


@pytest.fixture(scope="session")
def clients(pairs: World) -> Iterator[dict[str, Client]]:
    """The official SDKs, by dialect."""
    with clients_of(pairs) as made:
        yield made


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, clients: dict[str, Client]) -> Client:
    """The official SDK of each client dialect in turn."""
    return clients[request.param]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    """The stand-in of each provider dialect in turn; it is named after what it speaks."""
    return str(request.param)

"""What goes wrong at a provider of any dialect, as the SDK of every client dialect raises it."""

from __future__ import annotations

import pytest

from tests.end_to_end.clients import Ask, Client, User, status_of
from tests.end_to_end.pairs import HELLO, MARKS, SHAPES, model_at
from tests.end_to_end.world import World

pytestmark = MARKS


def fails(client: Client, provider: str, fault: str, stream: bool) -> Exception:
    """The error that the SDK raises when the provider shows `fault`."""
    with pytest.raises(client.failures) as caught:
        client.ask(Ask(model=model_at(provider, f"echo~{fault}"), turns=[User(HELLO)], stream=stream))
    return caught.value


@SHAPES
@pytest.mark.parametrize(
    ("fault", "statuses"),
    [("status:429:seconds=7", {429}), ("status:400:context", {400}), ("status:500", {502, 503})],
    ids=["429", "400", "500"],
)
def test_a_providers_refusal_is_the_clients_own_error(
    client: Client, provider: str, fault: str, statuses: set[int], stream: bool
) -> None:
    assert status_of(fails(client, provider, fault, stream)) in statuses


@SHAPES
@pytest.mark.parametrize("fault", ["error-frame", "close-midway", "half-chunk"])
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(
    client: Client, provider: str, pairs: World, fault: str, stream: bool
) -> None:
    assert fails(client, provider, fault, stream)

"""One request to the admin API, taken apart; what answers it gives back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.control.people import Person, reaches
from entrepot.control.store import ControlStore, Transaction
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import InvalidRequest, NotFound
from entrepot.policy.teams import parents_of
from entrepot.settings.client_key import ENTROPY_BYTES
from entrepot.settings.schema import Settings

S = TypeVar("S")


class Installation(msgspec.Struct, frozen=True, eq=False):
    """What the admin API works on. `settings` are the file's."""

    settings: Settings
    store: ControlStore
    catalog: Catalog
    make_entropy: Callable[[int], bytes] = os.urandom

    def entropy(self) -> bytes:
        """What a key is made of."""
        return self.make_entropy(ENTROPY_BYTES)


class Ask(msgspec.Struct, frozen=True, eq=False):
    """A request by somebody who may make it. `named` is what stands in the path: `{name}`."""

    installation: Installation
    person: Person
    now_ns: int
    named: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def now_s(self) -> float:
        """When it came, Unix time."""
        return self.now_ns / 1_000_000_000

    @property
    def name(self) -> str:
        """The `{name}` in the path."""
        return self.named["name"]

    def read(self, shape: type[S]) -> S:
        """The body. Raises InvalidRequest."""
        with taking_apart(self.body):
            return msgspec.json.decode(self.body or b"{}", type=shape)

    def look(self) -> AbstractContextManager[Transaction]:
        """What is kept, to be read."""
        return self.installation.store.look(self.now_ns)

    def change(self) -> AbstractContextManager[Transaction]:
        """A change by the person who asks."""
        return self.installation.store.change(self.person.actor, self.now_ns)

    def reach(self, book: Transaction) -> Callable[[str | None], bool]:
        """Tells whether what is of a team is there for the person."""
        parents = parents_of((*self.installation.settings.teams, *book.snapshot().teams))
        return lambda team: reaches(self.person, team, parents)

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number of the query. Raises InvalidRequest."""
        given = self.query.get(name)
        if given is None:
            return usual
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:18]) <= most):
            raise InvalidRequest(f"'{name}' must be a whole number from 1 to {most}", param=name)
        return int(given)


def not_there(what: str, name: str) -> NotFound:
    """The error for what is not there, or not there for whoever asks: the two look alike."""
    return NotFound(f"there is no {what} called '{name[:100]}'")

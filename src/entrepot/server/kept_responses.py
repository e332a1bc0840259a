"""Responses that clients may come back to: `store`, `previous_response_id`, item references, and `/v1/responses/{id}`.

Rules of this file: without the store (`[responses] store`, off unless the operator turns it on) a request is answered and
nothing is kept; one that needs what would have been kept is refused by name. With it, the store is asked outside the event loop,
and always in the name of the key that asks. A response is kept before the bytes that end it leave, so that a client which
continues at once finds it. An answer is not lost because it could not be kept: that is logged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.keeping import (
    FinalResponse,
    given_items,
    kept_items,
    references,
    with_input,
)
from entrepot.drive.driver import Client
from entrepot.errors import BodyTooLarge, EntrepotError, InvalidRequest, NotFound
from entrepot.exchange.commands import SendHead
from entrepot.exchange.plan import Plan
from entrepot.ledger.kept_responses import KeptResponse, ResponseStore, response_id_of

log = logging.getLogger("entrepot.gateway")

PATH = "/v1/responses/"
SETTING = "this gateway keeps no responses; its operator can turn that on with [responses] store = true"
_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
Item = dict[str, Any]


def methods_below(rest: str) -> tuple[str, ...]:
    """The methods that a path below `/v1/responses/` takes. Raises NotFound."""
    response_id, _, below = rest.partition("/")
    if not response_id or below not in ("", "input_items"):
        raise NotFound(f"there is nothing at {PATH}{rest[:200]}")
    return ("GET",) if below else ("GET", "DELETE")


def unkept(planned: Plan) -> Plan:
    """The plan of an exchange of which a rule has nothing kept: its answer says so."""
    asked = planned.asked
    if not asked.echo:
        return planned
    return msgspec.structs.replace(planned, asked=msgspec.structs.replace(asked, echo={**asked.echo, "store": False}))


class KeptResponses:
    """What the endpoints ask; `store` is None where nothing is kept."""

    def __init__(self, store: ResponseStore | None, max_body_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_body_bytes

    async def prepare(
        self, asked: Asked, client: Client, *, key: str, exchange_id: str, may_keep: bool
    ) -> tuple[Asked, Client]:
        """The request with all that it points at, and the client through which its answer is kept.

        Raises InvalidRequest, whose text names what cannot be done.
        """
        said = _Said(asked)
        said.refuse_the_impossible()
        store = self._store
        if store is None:
            said.refuse_what_needs_a_store()
            return asked, client
        items = await self._resolved(store, given_items(asked), key)
        earlier = [] if said.previous_id is None else await self._history(store, said.previous_id, key)
        response_id = response_id_of(exchange_id)
        keeps = may_keep and said.store is not False
        echo = {"id": response_id, "store": keeps, "previous_response_id": said.previous_id}
        complete = with_input(asked, [*earlier, *items], echo)
        if not keeps:
            return complete, client
        own = kept_items(items, response_id)

        async def keep(response: bytes) -> None:
            await self._keep(store, key, response_id, said.previous_id, own, response)

        return complete, _KeepingClient(client, asked.request.stream, keep)

    async def answer(self, method: str, rest: str, query: str, key: str) -> Item:
        """What is asked of a kept response; `rest` is the path below `/v1/responses/`. Raises NotFound or InvalidRequest."""
        response_id, _, below = rest.partition("/")
        if below:
            return await self._input_items(key, response_id, query)
        return await (self._delete(key, response_id) if method == "DELETE" else self._get(key, response_id, query))

    async def _get(self, key: str, response_id: str, query: str) -> Item:
        if "true" in parse_qs(query).get("stream", []):
            raise InvalidRequest("'stream': a kept response is given whole", param="stream")
        found: Item = msgspec.json.decode((await self._found(key, response_id)).response)
        return found

    async def _delete(self, key: str, response_id: str) -> Item:
        if not await asyncio.to_thread(self._opened().forget, key, response_id):
            raise _not_found(response_id)
        return {"id": response_id, "object": "response", "deleted": True}

    async def _input_items(self, key: str, response_id: str, query: str) -> Item:
        await self._found(key, response_id)
        chain = await asyncio.to_thread(self._opened().chain, key, response_id, time.time())
        items = [item for number, each in enumerate(chain) for item in _items(each, last=number == len(chain) - 1)]
        return _page(items, {name: values[0] for name, values in parse_qs(query).items()})

    async def _found(self, key: str, response_id: str) -> KeptResponse:
        found = await asyncio.to_thread(self._opened().find, key, response_id, time.time())
        if found is None:
            raise _not_found(response_id)
        return found

    def _opened(self) -> ResponseStore:
        if self._store is None:
            raise InvalidRequest(SETTING, code="store_disabled")
        return self._store

    async def _resolved(self, store: ResponseStore, items: list[Item], key: str) -> list[Item]:
        """The items, each reference as what it refers to."""
        found = dict(enumerate(items))
        for number, item_id in references(items).items():
            kept = await asyncio.to_thread(store.find_by_item, key, item_id, time.time())
            named = [] if kept is None else [item for item in _items(kept) if item.get("id") == item_id]
            if not named:
                told = f"'input[{number}]' refers to '{item_id[:100]}', which is not kept, or not for this key"
                raise InvalidRequest(told, param=f"input[{number}].id", code="item_not_found")
            found[number] = named[0]
        return [found[number] for number in range(len(items))]

    async def _history(self, store: ResponseStore, previous_id: str, key: str) -> list[Item]:
        chain = await asyncio.to_thread(store.chain, key, previous_id, time.time())
        if not chain:
            told = f"'previous_response_id': '{previous_id[:100]}' is not kept any more, or never was for this key"
            raise InvalidRequest(told, param="previous_response_id", code="previous_response_not_found")
        if sum(len(each.input) + len(each.response) for each in chain) > self._max_bytes:
            raise BodyTooLarge(f"the conversation up to '{previous_id[:100]}' is longer than {self._max_bytes} bytes")
        return [item for each in chain for item in _items(each)]

    async def _keep(
        self, store: ResponseStore, key: str, response_id: str, previous_id: str | None, own: list[Item], body: bytes
    ) -> None:
        output = msgspec.json.decode(body, type=dict[str, Any]).get("output") or []
        named = [item["id"] for item in (*own, *output) if isinstance(item.get("id"), str)]
        kept = KeptResponse(
            response_id, previous_id, int(time.time()), msgspec.json.encode(own), body, tuple(dict.fromkeys(named))
        )
        await asyncio.to_thread(store.keep, key, kept, time.time())


class _Said:
    """What a request says of keeping."""

    def __init__(self, asked: Asked) -> None:
        fields = {
            name: msgspec.json.decode(asked.fields[name])
            for name in ("background", "conversation", "previous_response_id", "store")
            if name in asked.fields
        }
        self._background = bool(fields.get("background"))
        self._conversation = bool(fields.get("conversation"))
        self.previous_id: str | None = fields.get("previous_response_id")
        self.store: bool | None = fields.get("store")
        self._asked = asked

    def refuse_the_impossible(self) -> None:
        """What no setting makes possible."""
        if self._background:
            told = "'background': this gateway answers while the client waits; leave it out"
            raise InvalidRequest(told, param="background", code="unsupported_parameter")
        if self._conversation:
            told = "'conversation': this gateway keeps no conversations; send the whole of it as 'input', or continue a"
            more = "response by 'previous_response_id' where the gateway is set to keep them ([responses] store = true)"
            raise InvalidRequest(f"{told} {more}", param="conversation", code="unsupported_parameter")

    def refuse_what_needs_a_store(self) -> None:
        """What would need the store that is not there."""
        if self.previous_id:
            param, instead = "previous_response_id", "send the whole conversation as 'input'"
        elif self.store:
            param, instead = "store", "leave it out, or send false"
        elif (number := self._first_reference()) is not None:
            param, instead = f"input[{number}]", "send the item itself in place of its id"
        else:
            return
        raise InvalidRequest(f"'{param}': {SETTING}. Without it: {instead}.", param=param, code="store_disabled")

    def _first_reference(self) -> int | None:
        if b"item_reference" not in bytes(self._asked.fields.get("input", b"")):
            return None  # nearly always, and then the input need not be decoded once more
        return next(iter(references(given_items(self._asked))), None)


class _KeepingClient:
    """A client whose answer is kept before its end is sent."""

    def __init__(self, client: Client, streams: bool, keep: Callable[[bytes], Awaitable[None]]) -> None:
        self._client = client
        self._keep = keep
        self._watch: FinalResponse | None = FinalResponse(streams)

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """Send it on, after keeping what it completes. Only an answer is kept, not an error."""
        if head is not None and head.status != 200:
            self._watch = None
        if self._watch is None:
            return self._client.send(head, data, end)
        try:
            final = self._watch.feed(data, end)
        except (EntrepotError, msgspec.MsgspecError) as error:
            self._give_up(error)
            final = None
        return self._client.send(head, data, end) if final is None else self._keep_and_send(final, head, data, end)

    async def _keep_and_send(self, final: bytes, head: SendHead | None, data: bytes, end: bool) -> None:
        try:
            self._watch = None
            await self._keep(final)
        except (EntrepotError, msgspec.MsgspecError) as error:
            self._give_up(error)
        waits = self._client.send(head, data, end)
        if waits is not None:
            await waits

    def _give_up(self, error: Exception) -> None:
        log.error("a response could not be kept: %s", error)
        self._watch = None

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """As the client itself."""
        self._client.on_gone(call)


def _items(kept: KeptResponse, *, last: bool = False) -> list[Item]:
    """What was asked, and unless it is the `last` that matters, what was answered."""
    asked: list[Item] = msgspec.json.decode(kept.input)
    return asked if last else [*asked, *(msgspec.json.decode(kept.response).get("output") or [])]


def _page(items: list[Item], query: Mapping[str, str]) -> Item:
    limit_text = query.get("limit", str(_DEFAULT_LIMIT))
    limit = int(limit_text) if limit_text.isdecimal() else 0
    if not 1 <= limit <= _MAX_LIMIT:
        raise InvalidRequest(f"'limit' must be a number from 1 to {_MAX_LIMIT}", param="limit")
    ordered = items if query.get("order") == "asc" else items[::-1]
    start = next((n + 1 for n, item in enumerate(ordered) if item.get("id") == query.get("after")), 0)
    data = ordered[start : start + limit]
    ids = [item.get("id") for item in data]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": start + limit < len(ordered),
    }


def _not_found(response_id: str) -> NotFound:
    return NotFound(f"no response of this key has the id '{response_id[:100]}'", code="response_not_found")

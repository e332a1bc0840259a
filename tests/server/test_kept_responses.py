"""What the keeping of responses refuses and lists; requests as a whole are met in tests/end_to_end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from entrepot.dialects.base import Asked
from entrepot.drive.driver import Client
from entrepot.errors import BodyTooLarge, InvalidRequest, NotFound
from entrepot.exchange.commands import SendHead
from entrepot.ledger.kept_responses import FILE, ResponseStore
from entrepot.server.kept_responses import KeptResponses, methods_below
from tests.dialects.openai_responses.asking import ask, frames
from tests.dialects.openai_responses.test_answer import COMPLETED, CREATED, delta, whole

BODY = json.dumps(whole()).encode()
STREAM = frames(CREATED, delta("你好"), COMPLETED)


class Sink:
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        self.data = b""
        self.status = 0

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        if head is not None:
            self.status = head.status
        self.data += data
        return None

    def on_gone(self, call: Callable[[], None] | None) -> None: ...


async def send(client: Client, head: SendHead | None, data: bytes, end: bool) -> None:
    waits = client.send(head, data, end)
    if waits is not None:
        await waits


def keeping(directory: Path, max_bytes: int = 100_000) -> KeptResponses:
    return KeptResponses(ResponseStore(directory, keep_days=3), max_bytes)


async def prepared(
    kept: KeptResponses,
    asked: Asked,
    client: Client,
    *,
    key: str = "alice",
    exchange: str = "0-1",
    may_keep: bool = True,
) -> tuple[Asked, Client]:
    return await kept.prepare(asked, client, key=key, exchange_id=exchange, may_keep=may_keep)


async def exchange(kept: KeptResponses, asked: Asked, *pieces: bytes, number: int = 1, status: int = 200) -> Asked:
    """One request, and an answer to it that goes to its client in these pieces."""
    sink = Sink()
    complete, client = await prepared(kept, asked, sink, exchange=f"0-{number}")
    head: SendHead | None = SendHead(status, ())
    for place, piece in enumerate(pieces):
        await send(client, head, piece, place == len(pieces) - 1)
        head = None
    assert sink.data == b"".join(pieces)
    assert sink.status == status
    return complete


def input_of(asked: Asked) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(bytes(asked.fields["input"]))
    return items


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"store": True}, "store"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
        ({"conversation": "conv_1"}, "conversation"),
    ],
)
def test_without_a_store_what_needs_one_names_the_setting(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match=r"\[responses\] store = true") as caught:
        asyncio.run(prepared(KeptResponses(None, 100), ask(**fields), Sink()))
    assert caught.value.param == param


@pytest.mark.parametrize("fields", [{}, {"store": False}, {"store": None}, {"input": "二"}])
def test_without_a_store_any_other_request_is_left_as_it_is(fields: dict[str, Any]) -> None:
    asked, sink = ask(**fields), Sink()
    assert asyncio.run(prepared(KeptResponses(None, 100), asked, sink)) == (asked, sink)


@pytest.mark.parametrize("field", ["background", "conversation"])
def test_what_no_setting_makes_possible_is_refused(field: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asyncio.run(prepared(keeping(tmp_path), ask(**{field: True if field == "background" else "conv_1"}), Sink()))
    assert (caught.value.param, caught.value.code) == (field, "unsupported_parameter")


@pytest.mark.parametrize(
    ("stream", "pieces"), [(False, (BODY[:30], BODY[30:])), (True, (STREAM[:99], STREAM[99:])), (True, (STREAM,))]
)
def test_an_answer_is_kept_and_continued(tmp_path: Path, stream: bool, pieces: tuple[bytes, ...]) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        first = await exchange(kept, ask(input="一", stream=stream), *pieces)
        assert first.echo == {"id": "resp_01", "store": True, "previous_response_id": None}
        assert "store" not in first.fields
        assert await kept.answer("GET", "resp_01", "", "alice") == whole()
        second = await exchange(kept, ask(input="二", previous_response_id="resp_01"), BODY, number=2)
        assert [item["role"] for item in input_of(second)] == ["user", "assistant", "user"]
        third, _ = await prepared(kept, ask(input="三", previous_response_id="resp_02"), Sink(), exchange="0-3")
        assert len(input_of(third)) == 5
        assert third.echo["previous_response_id"] == "resp_02"

    asyncio.run(run())


def test_the_answer_is_kept_before_its_end_is_sent(tmp_path: Path) -> None:
    kept = keeping(tmp_path)

    class Hasty(Sink):
        def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None]:
            super().send(head, data, end)
            return self._look(data)

        async def _look(self, data: bytes) -> None:
            self.found = await kept.answer("GET", "resp_01", "", "alice") if b"completed" in data else None

    async def run() -> None:
        hasty = Hasty()
        _, client = await prepared(kept, ask(stream=True), hasty)
        await send(client, SendHead(200, ()), STREAM, end=True)
        assert hasty.found == whole()

    asyncio.run(run())


def test_an_item_is_put_where_its_reference_was(tmp_path: Path) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        await exchange(kept, ask(input="一"), BODY)
        reference = {"type": "item_reference", "id": "msg_1"}
        complete, _ = await prepared(kept, ask(input=[reference, {"role": "user", "content": "二"}]), Sink())
        assert input_of(complete)[0] == whole()["output"][0]
        for key, item_id in (("bob", "msg_1"), ("alice", "msg_9")):
            with pytest.raises(InvalidRequest) as caught:
                await prepared(kept, ask(input=[{"type": "item_reference", "id": item_id}]), Sink(), key=key)
            assert caught.value.code == "item_not_found"

    asyncio.run(run())


@pytest.mark.parametrize(("fields", "may_keep"), [({"store": False}, True), ({}, False), ({"store": True}, False)])
def test_what_is_not_to_be_kept_is_not(tmp_path: Path, fields: dict[str, Any], may_keep: bool) -> None:
    async def run() -> None:
        kept, sink = keeping(tmp_path), Sink()
        complete, client = await prepared(kept, ask(**fields), sink, may_keep=may_keep)
        assert client is sink
        assert complete.echo["store"] is False

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "status"), [(b'{"error": {}}', 429), (b"not json", 200), (frames(CREATED, delta("a")), 200)]
)
def test_what_is_no_finished_answer_is_not_kept_and_still_sent(tmp_path: Path, body: bytes, status: int) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        await exchange(kept, ask(stream=body.startswith(b"event")), body, status=status)
        with pytest.raises(NotFound):
            await kept.answer("GET", "resp_01", "", "alice")

    asyncio.run(run())


def test_an_answer_that_cannot_be_kept_is_still_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        (tmp_path / FILE).write_bytes(b"damaged" * 999)
        await exchange(kept, ask(), BODY)

    asyncio.run(run())
    assert "could not be kept" in caplog.text


def test_a_conversation_without_end_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        kept = keeping(tmp_path, max_bytes=100)
        await exchange(kept, ask(), BODY)
        with pytest.raises(BodyTooLarge):
            await prepared(kept, ask(previous_response_id="resp_01"), Sink())
        with pytest.raises(InvalidRequest) as caught:
            await prepared(kept, ask(previous_response_id="resp_01"), Sink(), key="bob")
        assert caught.value.code == "previous_response_not_found"

    asyncio.run(run())


def test_items_are_listed_in_pages(tmp_path: Path) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        said = [{"role": "user", "content": str(number)} for number in range(5)]
        await exchange(kept, ask(input=said), BODY)
        page = await kept.answer("GET", "resp_01/input_items", "order=asc&limit=2", "alice")
        assert [item["content"][0]["text"] for item in page["data"]] == ["0", "1"]
        assert page["has_more"]
        rest = await kept.answer("GET", "resp_01/input_items", f"order=asc&after={page['last_id']}", "alice")
        assert [item["content"][0]["text"] for item in rest["data"]] == ["2", "3", "4"]
        assert not rest["has_more"]
        newest = await kept.answer("GET", "resp_01/input_items", "", "alice")
        assert newest["first_id"] == rest["last_id"]
        for query in ("limit=0", "limit=101", "limit=x"):
            with pytest.raises(InvalidRequest):
                await kept.answer("GET", "resp_01/input_items", query, "alice")

    asyncio.run(run())


def test_a_response_is_forgotten_once(tmp_path: Path) -> None:
    async def run() -> None:
        kept = keeping(tmp_path)
        await exchange(kept, ask(), BODY)
        with pytest.raises(InvalidRequest, match="whole"):
            await kept.answer("GET", "resp_01", "stream=true", "alice")
        with pytest.raises(NotFound):
            await kept.answer("DELETE", "resp_01", "", "bob")
        assert await kept.answer("DELETE", "resp_01", "", "alice") == {
            "id": "resp_01",
            "object": "response",
            "deleted": True,
        }
        with pytest.raises(NotFound):
            await kept.answer("DELETE", "resp_01", "", "alice")

    asyncio.run(run())


def test_without_a_store_nothing_is_to_be_had() -> None:
    for method, rest in (("GET", "resp_1"), ("DELETE", "resp_1"), ("GET", "resp_1/input_items")):
        with pytest.raises(InvalidRequest, match=r"\[responses\] store = true"):
            asyncio.run(KeptResponses(None, 100).answer(method, rest, "", "alice"))


def test_paths_below_take_their_methods() -> None:
    assert methods_below("resp_1") == ("GET", "DELETE")
    assert methods_below("resp_1/input_items") == ("GET",)
    for rest in ("", "resp_1/cancel", "/input_items", "resp_1/input_items/x"):
        with pytest.raises(NotFound):
            methods_below(rest)

from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from tests.simulator.fault_wire import Wire, run_wire
from tests.simulator.waiting import until

pytestmark = pytest.mark.sockets


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with run_wire() as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
async def test_refuse_closes_before_an_answer(wire: Wire, stream: bool) -> None:
    assert await wire.read("refuse", stream) == b""
    assert wire.simulator.books.rows[0].state == "refused"


async def test_reset_resets(wire: Wire) -> None:
    reader = await wire.open("reset")
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_hang_says_nothing(wire: Wire) -> None:
    reader = await wire.open("hang")
    await until(lambda: wire.simulator.under_way)
    wire.writer.write_eof()
    assert await reader.read() == b""
    assert wire.simulator.books.rows[0].state == "client_gone"


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 429, 500, 503, 529])
async def test_a_status_comes_in_openais_shape(wire: Wire, code: int) -> None:
    head, _, body = (await wire.read(f"status:{code}")).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {code} ".encode())
    assert set(msgspec.json.decode(body)["error"]) == {"message", "type", "param", "code"}


async def test_when_to_come_back_is_said_in_five_ways(wire: Wire) -> None:
    used_up = await wire.read("status:429:reset=2")
    assert b"\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 2s\r\n" in used_up
    told = await wire.read("status:429:words=2")
    assert b"retry-after" not in told
    assert b"Please try again in 2s." in told
    assert b"\r\nretry-after: 7\r\n" in await wire.read("status:429:seconds=7")
    assert b"\r\nretry-after-ms: 250\r\n" in await wire.read("status:429:ms=250")
    dated = await wire.read("status:503:date=30")
    (line,) = [line for line in dated.split(b"\r\n") if line.startswith(b"retry-after: ")]
    assert parsedate_to_datetime(line.decode().partition(": ")[2]).tzinfo is not None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("status:429", "rate_limit_exceeded"),
        ("status:429:quota", "insufficient_quota"),
        ("status:400:context", "context_length_exceeded"),
        ("status:400:filter", "content_filter"),
        ("status:401", "invalid_api_key"),
        ("status:404", "model_not_found"),
    ],
)
async def test_the_body_says_which_kind_it_is(wire: Wire, fault: str, code: str) -> None:
    body = (await wire.read(fault)).partition(b"\r\n\r\n")[2]
    assert msgspec.json.decode(body)["error"]["code"] == code


async def test_a_flat_error_has_no_error_object(wire: Wire) -> None:
    body = (await wire.read("status:500:flat")).partition(b"\r\n\r\n")[2]
    assert set(msgspec.json.decode(body)) == {"message", "code"}


async def test_html_where_json_should_be(wire: Wire) -> None:
    answer = await wire.read("html:502", stream=False)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert "网关错误".encode() in answer
    assert (await wire.read("html:200")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("fault", ["malformed-json", "error-in-200", "empty-body", "no-choices"])
async def test_a_200_that_is_no_answer_is_billed_nothing(wire: Wire, fault: str) -> None:
    head, _, body = (await wire.read(fault, stream=False)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {len(body)}".encode() in head
    assert wire.simulator.books.rows[0].cost_nano == 0


async def test_a_slow_head_comes_in_the_end(wire: Wire) -> None:
    assert (await wire.read("slow-head:20")).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert wire.simulator.books.rows[0].state == "completed"


async def test_an_argument_that_makes_no_sense_is_a_400(wire: Wire) -> None:
    assert (await wire.read("status:soon")).startswith(b"HTTP/1.1 400 ")
    assert (await wire.read("sulk")).startswith(b"HTTP/1.1 400 ")

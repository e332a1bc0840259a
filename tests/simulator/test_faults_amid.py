from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.simulator.fault_wire import Wire, run_wire
from tests.simulator.waiting import until

pytestmark = pytest.mark.sockets

DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"\r\n0\r\n\r\n"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with run_wire() as running:
        yield running


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["close-midway", "half-chunk"])
async def test_half_of_an_answer_then_a_close(wire: Wire, fault: str, stream: bool) -> None:
    answer = await wire.read(fault, stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert DONE not in answer
    assert not answer.endswith(LAST_CHUNK)
    (row,) = wire.simulator.books.rows
    assert row.state == "broken"
    assert 0 < row.delivered_tokens == row.tokens.output_tokens
    assert row.tokens.input_tokens > 0


async def test_half_a_chunk_is_less_than_its_size_says(wire: Wire) -> None:
    *_, size, data = (await wire.read("half-chunk")).split(b"\r\n")
    assert 0 < len(data) < int(size, 16)


async def test_reset_midway_comes_after_the_first_tokens(wire: Wire) -> None:
    reader = await wire.open("reset-midway")
    assert (await reader.readuntil(b'"content":"Thi')).startswith(b"HTTP/1.1 200 ")
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_hang_midway_keeps_the_connection_open(wire: Wire) -> None:
    reader = await wire.open("hang-midway")
    got = await reader.readuntil(b'"content":"Thi')
    assert got.startswith(b"HTTP/1.1 200 ")
    assert not reader.at_eof()
    wire.writer.close()
    await until(lambda: not wire.simulator.under_way)
    assert wire.simulator.books.rows[0].state == "client_gone"


@pytest.mark.parametrize(("fault", "sign"), [("error-frame", b'"error"'), ("malformed-sse", b'"choices": [{"ind\n\n')])
async def test_a_stream_that_goes_wrong_and_ends_in_order(wire: Wire, fault: str, sign: bytes) -> None:
    answer = await wire.read(fault)
    assert b'"content"' in answer
    assert sign in answer
    assert DONE not in answer
    assert answer.endswith(LAST_CHUNK)


async def test_a_whole_answer_with_an_error_frame_is_the_error(wire: Wire) -> None:
    body = (await wire.read("error-frame", stream=False)).partition(b"\r\n\r\n")[2]
    assert "error" in msgspec.json.decode(body)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("fault", "more"), [("short-length", 10), ("long-length", -10)])
async def test_a_length_that_is_wrong(wire: Wire, fault: str, more: int, stream: bool) -> None:
    head, _, body = (await wire.read(fault, stream)).partition(b"\r\n\r\n")
    assert f"content-length: {len(body) + more}".encode() in head
    assert b"chunked" not in head


@pytest.mark.parametrize("fault", ["slow-chunks:1", "one-byte-writes", "pings", "early-hints"])
async def test_a_strange_manner_that_loses_nothing(wire: Wire, fault: str) -> None:
    answer = await wire.read(fault)
    assert answer.endswith(LAST_CHUNK)
    (row,) = wire.simulator.books.rows
    assert row.state == "completed"
    assert row.tokens.output_tokens == row.delivered_tokens > 0


async def test_early_hints_come_before_the_head(wire: Wire) -> None:
    answer = await wire.read("early-hints", stream=False)
    assert answer.startswith(b"HTTP/1.1 103 ")
    assert b"\r\n\r\nHTTP/1.1 200 " in answer


async def test_one_byte_comes_at_a_time(wire: Wire) -> None:
    body = (await wire.read("one-byte-writes")).partition(b"\r\n\r\n")[2]
    assert body.startswith(b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n1\r\na\r\n1\r\n:\r\n")


async def test_pings_are_comments(wire: Wire) -> None:
    assert (await wire.read("pings")).count(b": keep-alive\n\n") > 5


async def test_an_endless_stream_ends_with_its_client(wire: Wire) -> None:
    reader = await wire.open("endless:1")
    got = await reader.readexactly(20_000)
    assert DONE not in got
    wire.writer.close()
    await until(lambda: not wire.simulator.under_way)
    (row,) = wire.simulator.books.rows
    assert row.state == "client_gone"
    assert row.tokens.output_tokens == row.delivered_tokens > 50


async def test_a_huge_line_is_as_long_as_asked_for(wire: Wire) -> None:
    streamed = (await wire.read("huge-line:200000")).partition(b"\r\n\r\n")[2]
    assert streamed.count(b"x") >= 200_000
    assert streamed.endswith(LAST_CHUNK)
    body = (await wire.read("huge-line:200000", stream=False)).partition(b"\r\n\r\n")[2]
    assert len(msgspec.json.decode(body)) == 200_000


async def test_no_done_leaves_the_end_marker_out(wire: Wire) -> None:
    answer = await wire.read("no-done")
    assert b'"finish_reason":"stop"' in answer
    assert DONE not in answer
    assert answer.endswith(LAST_CHUNK)


async def test_no_usage_and_another_model(wire: Wire) -> None:
    body = (await wire.read("no-usage", stream=False)).partition(b"\r\n\r\n")[2]
    assert "usage" not in msgspec.json.decode(body)
    assert b'"model":"impostor"' in await wire.read("other-model:impostor")

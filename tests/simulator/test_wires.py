"""What holds of every wire that a stand-in speaks."""

from typing import Any

import msgspec
import pytest

from entrepot.errors import SettingsError
from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.said import Call, Reply, Said, spoken_tokens
from entrepot.simulator.wire import Rendering
from entrepot.simulator.wires import WIRES, wire_of

OPTIONS: dict[str, Any] = {"array": False, "generation": 3, "given": {}, "encrypts": True, "paths": (), "context": 4096}
CALLS = (Call("call_0011223344", "find", '{"city":"京"}'), Call("call_5566778899", "now", "{}"))
SAID = {
    "text": Said("转口港 is a port, and a long answer too.", reasoning="hm hm", thought="hm hm hm"),
    "calls": Said(calls=CALLS, finish_reason="tool_calls"),
    "refusal": Said("不 no", finish_reason="refusal"),
    "cut": Said("转口港 is", finish_reason="length"),
    "stopped": Said("转口港 is", stopped_by="a port"),
}

every_wire = pytest.mark.parametrize("dialect", WIRES)


def rendering(dialect: str, said: Said, *, stream: bool, **changes: Any) -> Rendering:
    heard = Heard("m", "你好", "你好", stream=stream, include_usage=True, options=OPTIONS)
    wire = wire_of(dialect)
    tokens = wire.bill(Tokens(9, 4, 31, 37, 5, 2))
    reply = Reply(wire.reply_id("0123456789abcdef" * 4), "m", 1_790_000_000, (said,), tokens, **changes)
    return Rendering(wire, heard, reply, 3)


@every_wire
def test_a_wire_is_found_by_its_dialect(dialect: str) -> None:
    wire = wire_of(dialect)
    assert wire.base_path == "" or wire.base_path.startswith("/")
    assert all(path.startswith("/") for path in wire.models_paths)
    assert b"m-1" in wire.render_models(["m-1"], "owner", 1_790_000_000)
    assert msgspec.json.decode(wire.nothing)


def test_a_dialect_that_no_stand_in_speaks_is_an_error_that_names_the_others() -> None:
    with pytest.raises(SettingsError, match="openai-chat"):
        wire_of("telex")


@every_wire
@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("stream", [False, True])
def test_the_frames_tokens_add_up_to_what_was_said(dialect: str, kind: str, stream: bool) -> None:
    made = rendering(dialect, SAID[kind], stream=stream)
    assert sum(frame.tokens for frame in made.frames()) == spoken_tokens(made.reply)


@every_wire
def test_a_bill_moves_tokens_between_kinds_and_loses_none(dialect: str) -> None:
    given = Tokens(9, 4, 31, 37, 5, 2)
    billed = wire_of(dialect).bill(given)

    def read_and_written(tokens: Tokens) -> tuple[int, int]:
        read = tokens.input_tokens + tokens.cache_read_tokens + tokens.cache_write_tokens
        return read, tokens.output_tokens + tokens.reasoning_tokens

    assert read_and_written(billed) == read_and_written(given)
    assert billed.cache_write_1h_tokens <= billed.cache_write_tokens


@every_wire
@pytest.mark.parametrize("stream", [False, True])
def test_usage_another_model_and_the_end_are_there_unless_a_fault_takes_them(dialect: str, stream: bool) -> None:
    made = rendering(dialect, SAID["text"], stream=stream)

    def body(**changes: Any) -> bytes:
        return b"".join(frame.data for frame in made.frames(**changes))

    assert len(body(says_usage=False)) < len(body())
    if dialect != "bedrock-converse":  # whose answers name no model
        assert b"impostor" in body(model="impostor")
    if stream and dialect != "gemini-generate":  # whose streams have no end marker
        assert body().startswith(body(says_end=False))
        assert len(body(says_end=False)) < len(body())


@every_wire
@pytest.mark.parametrize("form", ["", "quota", "context", "filter", "seconds=7", "ms=250", "date=30"])
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 429, 500, 503, 504, 529])
def test_every_status_has_an_error_of_the_wires_own(dialect: str, status: int, form: str) -> None:
    wire = wire_of(dialect)
    error = wire.failure(status, form)
    assert error.status == status
    assert error.message
    assert error.message in str(msgspec.json.decode(wire.render_error(error)))
    assert error.message.encode() in wire.render_error_frame(WireError(500, error.message))

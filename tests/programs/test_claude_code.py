"""Claude Code, unmodified, told only where the gateway is; the provider behind it speaks another dialect."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs.installation import KEY, gateway_before
from tests.programs.node import native, offline, run
from tests.programs.scripted import Call, Dialect, ScriptedProvider, call_then_tell, scripted_provider

pytestmark = pytest.mark.end_to_end

SECRET = "暗号 is xyzzy-4711"
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"}
ITS_DEFAULT_MODEL = "claude-opus-5-5"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def ask_claude(provider: ScriptedProvider, dialect: Dialect, tmp_path: Path, *options: str, **environ: str) -> Any:
    """One `claude -p`, in a folder with a note and a picture; what it prints."""
    claude = native("@anthropic-ai/claude-code", "claude")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "note.txt").write_text(SECRET, encoding="utf-8")
    (folder / "dot.png").write_bytes(base64.b64decode(PIXEL))
    base_urls: dict[str, str] = {dialect: provider.base_url(dialect)}
    with gateway_before(base_urls, tmp_path / "ledger", also=(ITS_DEFAULT_MODEL,)) as address:
        settings = {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_AUTH_TOKEN": KEY, "ANTHROPIC_MODEL": dialect, **QUIET}
        command = [*claude, "-p", "读一下 note.txt", "--output-format", "json", *options]
        printed = run(command, offline(tmp_path, **{**settings, **environ}), folder)
    told = json.loads(printed)
    assert told["is_error"] is False
    assert {heard.dialect for heard in provider.requests} == {dialect}
    return told


@pytest.mark.parametrize("dialect", ["openai-chat", "gemini-generate", "anthropic-messages"])
def test_it_reads_a_file_with_two_tools_and_tells_what_is_in_it(dialect: Dialect, tmp_path: Path) -> None:
    read = Call("Read", {"file_path": str(tmp_path / "project" / "note.txt")})
    count = Call("Bash", {"command": "rev note.txt", "description": "Turn the note round"})
    with scripted_provider(call_then_tell(read, count)) as provider:
        told = ask_claude(provider, dialect, tmp_path, "--allowedTools", "Read,Bash")
    assert SECRET[::-1] in told["result"]
    assert told["num_turns"] == 3
    assert told["usage"]["output_tokens"] > 0
    assert SECRET in provider.requests[-1].results[0]
    assert len(provider.requests[0].body.get("user", "")) <= 64  # OpenAI refuses a longer one, and Claude Code's is


def test_it_finds_a_tool_that_it_did_not_offer_at_first(tmp_path: Path) -> None:
    search = Call("ToolSearch", {"query": "select:WebFetch", "max_results": 5})
    with scripted_provider(call_then_tell(search)) as provider:
        told = ask_claude(provider, "openai-chat", tmp_path)
    first, second = provider.requests  # and none between: what it found was understood at once
    assert "WebFetch" not in first.tools
    assert "DeferredToolPlaceholder" not in first.tools
    assert "WebFetch" in second.tools
    assert "WebFetch" in told["result"]


def test_it_looks_at_a_picture(tmp_path: Path) -> None:
    look = Call("Read", {"file_path": str(tmp_path / "project" / "dot.png")})
    with scripted_provider(call_then_tell(look)) as provider:
        ask_claude(provider, "openai-chat", tmp_path, "--allowedTools", "Read")
    assert "data:image/png;base64," in json.dumps(provider.requests[-1].body)


def test_it_asks_for_its_own_model_with_a_plain_key_and_needs_no_setting_for_that(tmp_path: Path) -> None:
    environ = {"ANTHROPIC_MODEL": "", "ANTHROPIC_AUTH_TOKEN": "", "ANTHROPIC_API_KEY": KEY}
    with scripted_provider(call_then_tell()) as provider:
        told = ask_claude(provider, "openai-chat", tmp_path, **environ)
    assert list(told["modelUsage"]) == [ITS_DEFAULT_MODEL]
    assert "你好，世界" in told["result"]


def test_it_gives_an_answer_by_a_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"城市": {"type": "string"}}, "required": ["城市"]}
    with scripted_provider(call_then_tell(Call("StructuredOutput", {"城市": "杭州"}))) as provider:
        told = ask_claude(provider, "openai-chat", tmp_path, "--json-schema", json.dumps(schema))
    assert told["structured_output"] == {"城市": "杭州"}

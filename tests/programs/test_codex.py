"""Codex, unmodified, told only where the gateway is; the provider behind it speaks another dialect than Responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs.installation import KEY, gateway_before
from tests.programs.node import offline, program, run
from tests.programs.scripted import Call, Dialect, ScriptedProvider, call_then_tell, scripted_provider

pytestmark = pytest.mark.end_to_end

SECRET = "暗号 is xyzzy-4711"
CONFIG = """
model = "{model}"
model_provider = "ours"
check_for_update_on_startup = false

[model_providers.ours]
name = "ours"
base_url = "{address}/v1"
env_key = "OUR_KEY"
wire_api = "responses"
"""


def ask_codex(provider: ScriptedProvider, dialect: Dialect, tmp_path: Path, model: str | None = None) -> list[Any]:
    """One `codex exec` with that model (by default the dialect's), in a folder with a note; the events that it prints."""
    codex = program("codex")
    folder, home = tmp_path / "project", tmp_path / "codex"
    folder.mkdir()
    home.mkdir()
    (folder / "note.txt").write_text(SECRET, encoding="utf-8")
    base_urls: dict[str, str] = {dialect: provider.base_url(dialect)}
    with gateway_before(base_urls, tmp_path / "ledger", also=() if model is None else (model,)) as address:
        (home / "config.toml").write_text(CONFIG.format(model=model or dialect, address=address), encoding="utf-8")
        # Its sandbox wants namespaces, which a container may not give; what it runs here is ours to say.
        unboxed = "--dangerously-bypass-approvals-and-sandbox"
        command = [*codex, "exec", "--json", "--skip-git-repo-check", unboxed, "读一下 note.txt"]
        printed = run(command, offline(tmp_path, CODEX_HOME=str(home), OUR_KEY=KEY), folder)
    assert {heard.dialect for heard in provider.requests} == {dialect}
    return [json.loads(line) for line in printed.splitlines()]


def items(events: list[Any], kind: str) -> list[Any]:
    """The finished items of a kind."""
    done = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item for item in done if item["type"] == kind]


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages", "gemini-generate"])
def test_it_runs_a_command_twice_and_tells_what_came_out(dialect: Dialect, tmp_path: Path) -> None:
    calls = [Call("exec_command", {"cmd": command}) for command in ("cat note.txt", "rev note.txt")]
    with scripted_provider(call_then_tell(*calls)) as provider:
        events = ask_codex(provider, dialect, tmp_path)
    assert [SECRET in item["aggregated_output"] for item in items(events, "command_execution")] == [True, False]
    assert SECRET in provider.requests[-1].results[0]
    assert SECRET[::-1] in items(events, "agent_message")[-1]["text"]
    assert events[-1]["type"] == "turn.completed"
    assert events[-1]["usage"]["output_tokens"] > 0


def test_with_a_model_that_it_knows_it_runs_code_and_calls_a_tool_of_a_namespace(tmp_path: Path) -> None:
    """It then gives its tools among the input's items, in namespaces, the first of them one that takes free text."""
    code = "const done = await tools.exec_command({cmd: 'cat note.txt'}); text(done.output);"
    calls = [Call("exec", {"input": code}), Call("collaboration__list_agents", {})]
    with scripted_provider(call_then_tell(*calls)) as provider:
        events = ask_codex(provider, "anthropic-messages", tmp_path, "gpt-6.1-sol")
    assert SECRET in provider.requests[1].results[0]
    assert "/root" in provider.requests[2].results[1]
    assert "/root" in items(events, "agent_message")[-1]["text"]

"""The `llm` command with a user's own extra-openai-models.yaml; the provider behind the gateway speaks another dialect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs.conftest import Stage
from tests.programs.installation import KEY
from tests.programs.node import offline
from tests.programs.scripted import Call, call_then_tell

pytestmark = [pytest.mark.end_to_end, pytest.mark.parametrize("dialect", ["anthropic-messages", "gemini-generate"])]

MODELS = """
- model_id: ours
  model_name: {dialect}
  api_base: "{address}/v1"
  api_key_name: ours
  supports_tools: true
  supports_schema: true
"""
TOOL = """
def weather(city: str) -> str:
    "The weather in a city."
    return city + "：晴"
"""


def ask_llm(stage: Stage, dialect: str, tmp_path: Path, *arguments: str) -> str:
    """One `llm` command; what it prints."""
    models = MODELS.format(dialect=dialect, address=stage.address)
    (tmp_path / "extra-openai-models.yaml").write_text(models, encoding="utf-8")
    (tmp_path / "keys.json").write_text(json.dumps({"ours": KEY}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "llm", *arguments],
        env=offline(tmp_path, LLM_USER_PATH=str(tmp_path), PYTHONUTF8="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("stream", [False, True])
def test_it_asks_and_is_answered(stage: Stage, dialect: str, stream: bool, tmp_path: Path) -> None:
    told = ask_llm(stage, dialect, tmp_path, "-m", "ours", "你好", *([] if stream else ["--no-stream"]))
    assert told.strip() == "你好，世界！ A text in several pieces 🚀."
    assert stage.provider.requests[0].stream == stream


def test_a_tool_of_the_user_is_called_and_answered(stage: Stage, dialect: str, tmp_path: Path) -> None:
    stage.play(call_then_tell(Call("weather", {"city": "杭州"})))
    told = ask_llm(stage, dialect, tmp_path, "-m", "ours", "--functions", TOOL, "杭州天气？")
    assert "杭州：晴" in told


def test_the_conversation_goes_on(stage: Stage, dialect: str, tmp_path: Path) -> None:
    ask_llm(stage, dialect, tmp_path, "-m", "ours", "one")
    ask_llm(stage, dialect, tmp_path, "-c", "two")
    said = json.dumps(stage.provider.requests[-1].body, ensure_ascii=False)
    assert "你好，世界" in said
    assert "one" in said

"""A stand-in provider that others wrote: npm's @copilotkit/aimock, on loopback, with answers that every dialect gives alike."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.programs.node import offline, program

PATHS = {
    "openai-chat": "/v1",
    "anthropic-messages": "/v1",
    "gemini-generate": "/v1beta",
    "openai-responses": "/v1",
    "bedrock-converse": "",
    "ollama-chat": "",
}
"""By dialect, the path below which aimock serves it."""

HELLO = "你好，世界！ This text comes in several pieces 🚀."
TOLD = "杭州今天晴。"
CALLED = {"city": "杭州"}
USAGE = {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}
GEMINI_USAGE = {"promptTokenCount": 21, "candidatesTokenCount": 8, "totalTokenCount": 29}
FIXTURES: list[dict[str, Any]] = [
    {"match": {"toolResultContains": "晴"}, "response": {"content": TOLD}},
    {"match": {"userMessage": "天气"}, "response": {"toolCalls": [{"name": "get_weather", "arguments": CALLED}]}},
    {
        "match": {"userMessage": "break off"},
        "response": {"content": HELLO * 20},
        "truncateAfterChunks": 3,
    },
    {
        "match": {"userMessage": "think"},
        "response": {"content": HELLO, "reasoning": "想一想: let me think."},
    },
    {
        "match": {"userMessage": "你好"},
        "response": {
            "content": HELLO,
            "usage": {**USAGE, **GEMINI_USAGE, "input_tokens": 21, "output_tokens": 8},
        },
    },
    {
        "match": {"userMessage": "too fast"},
        "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429, "retryAfter": 7},
    },
]


@contextlib.contextmanager
def aimock(directory: Path, *options: str) -> Iterator[str]:
    """Its address, without a path. Skips if it is not installed. `options` are more of its own, such as `--chaos-drop 1`."""
    command = program("llmock")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}), encoding="utf-8")
    process = subprocess.Popen(
        [
            *command,
            "--port",
            "0",
            "--fixtures",
            str(directory),
            "--strict",
            "--validate-on-load",
            "--chunk-size",
            "9",
            *options,
        ],
        env=offline(directory),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read(lines_of: Iterator[str]) -> None:
        for line in lines_of:
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, args=(process.stdout,))
    reader.start()
    try:
        yield _address(lines)
    finally:
        process.terminate()
        process.wait(10)
        reader.join()
        process.stdout.close()


def _address(lines: queue.SimpleQueue[str | None]) -> str:
    said = []
    while (line := lines.get(timeout=30)) is not None:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found is not None:
            return found[0]
    raise AssertionError(f"aimock did not start: {''.join(said)}")

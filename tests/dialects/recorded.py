"""Recorded exchanges with live providers, read from where they lie."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

Exchange = dict[str, Any]


def recorded(wire_dir: Path, path_end: str) -> list[Exchange]:
    """The exchanges whose address ends so, the query left aside; bodies that were recorded packed are unpacked."""
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        exchanges = [json.loads(line) for line in lines]
    found = [each for each in exchanges if each["url"].split("?")[0].endswith(path_end)]
    for each in found:
        each["response"] = unpacked(each["response"])
    return found


def unpacked(response: Any) -> Any:
    """Some bodies were recorded as they came: gzip, in base64."""
    if not isinstance(response, str) or not response.startswith("H4sI"):
        return response
    text = gzip.decompress(base64.b64decode(response)).decode()
    return json.loads(text) if text.startswith("{") else text


def body_of(response: Any) -> bytes:
    """The bytes of a recorded body."""
    return response.encode() if isinstance(response, str) else json.dumps(response).encode()

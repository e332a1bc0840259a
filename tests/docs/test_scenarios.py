"""The guide on scenarios shows what the files that ship say, and leaves none out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "guides" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = {
    file.name: file.read_text(encoding="utf-8")
    for file in (ROOT / "examples" / "scenarios").glob("*.toml")
    if file.stem != "entrepot"
}


def test_every_example_is_in_the_guide() -> None:
    assert len(EXAMPLES) == 8
    assert [name for name in EXAMPLES if f"examples/scenarios/{name}" not in GUIDE] == []


def test_what_the_guide_shows_is_what_a_file_says() -> None:
    shown = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert len(shown) == 6
    assert [text for text in shown if not any(text in file for file in EXAMPLES.values())] == []

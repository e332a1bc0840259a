"""That the proof runs, in its smallest form; and that the page that tells of it tells all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "concepts" / "proof.md"


@pytest.mark.end_to_end
def test_the_proof_runs_and_its_page_has_a_line_for_everything_it_finds(tmp_path: Path) -> None:
    found = tmp_path / "proof.json"
    done = subprocess.run(
        [sys.executable, str(PROJECT / "benchmarks" / "proof.py"), "--months", "3", "--json", str(found)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr  # three months prove nothing, nor the opposite
    lines = json.loads(found.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert [line["what"] for line in lines if line["what"] not in page] == []
    assert len(lines) > 30

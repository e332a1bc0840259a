"""Tests of docs/guides/observe.md: every metric is there as it is, and everything it names exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

from entrepot.telemetry.families import BY_NAME, FAMILIES
from tests.docs.fences import find_fences

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "observe.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(entrepot_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def test_every_metric_is_explained_as_it_is() -> None:
    rows = ROW.findall(PAGE)
    explained = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), told) for name, kind, labels, told in rows}
    assert explained == {family.name: (family.kind, family.labels, family.help) for family in FAMILIES}


def test_every_metric_that_an_alert_or_a_sentence_names_exists() -> None:
    assert {name for name in re.findall(r"\bentrepot_[a-z_]+", PAGE) if name not in BY_NAME} == set()


def test_the_line_of_a_log_is_one_that_is_logged() -> None:
    (shown,) = [json.loads(fence.text) for fence in find_fences(PAGE) if fence.language == "json"]
    assert list(shown) == ["time", "level", "logger", "process", "message", "exchange"]

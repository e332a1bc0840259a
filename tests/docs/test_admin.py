"""Tests of docs/reference/admin.md: every endpoint, permission and field that the code has is there, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec

import entrepot.control
from entrepot.control.api import ENDPOINTS
from entrepot.control.key_endpoints import KeyBody, KeyChange
from entrepot.control.member_endpoints import MemberBody, MemberChange
from entrepot.control.objects import Kind
from entrepot.control.people import GRANTS, Permission
from entrepot.control.store import Change
from entrepot.control.trail import describe
from entrepot.control.trial_wanted import TrialBody

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "admin.md").read_text(encoding="utf-8")
GATEWAY = (REFERENCE / "http.md").read_text(encoding="utf-8")
CONTROL = Path(entrepot.control.__file__).parent


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_endpoint_is_documented_with_its_permission_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| (?:`([^`]+)`)? ?\|", section("Endpoints"), re.MULTILINE)
    assert rows == [(one.method, one.path, one.permission or "") for one in ENDPOINTS]


def test_every_permission_is_documented_with_its_role_and_no_other() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| (.+) \|$", section("Roles"), re.MULTILINE)
    assert [(permission, least, confined != "no") for permission, least, confined in rows] == [
        (permission, grant.least, grant.confined) for permission, grant in GRANTS.items()
    ]
    assert set(GRANTS) == set(get_args(Permission))


def test_every_field_of_a_body_is_documented() -> None:
    text = section("Endpoints")
    shapes = (KeyBody, KeyChange, MemberBody, MemberChange, TrialBody)
    assert [name for shape in shapes for name in shape.__struct_fields__ if f"`{name}`" not in text] == []


def test_every_error_code_is_documented_here_or_with_the_gateway() -> None:
    here = set(re.findall(r"^\| `(\w+)` \| \d+ \|", section("Errors of its own"), re.MULTILINE))
    beside = set(re.findall(r"^\| `(\w+)` \| \d+ \|", GATEWAY, re.MULTILINE))
    sources = [path.read_text(encoding="utf-8") for path in CONTROL.glob("*.py")]
    written = {code for text in sources for code in re.findall(r'\bcode="(\w+)"', text)}
    assert here == written - beside


def test_every_field_of_the_trail_is_documented_and_no_other() -> None:
    text = section("The trail")
    change = Change(1, 0, "who", "key", "put", "team", "name", None, msgspec.Raw(b"{}"))
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(describe(change))
    (kinds,) = re.findall(r"^\| `kind` \| (.+) \|$", text, re.MULTILINE)
    assert re.findall(r"`(\w+)`", kinds) == list(get_args(Kind))

"""Tests of the rule that a skip has a listed reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.skips import is_ci, load_listed_skips, refuse_skip

pytest_plugins = ["pytester"]

LISTED = {"wire data not found": False, "needs Linux": True}

ONE_SKIP = """
import pytest

def test_skips():
    pytest.skip({reason!r})
"""

PLUGINS = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:asyncio")

CONFTEST = """
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport
"""


def test_a_listed_reason_may_go_on_after_a_colon() -> None:
    assert refuse_skip("Skipped: wire data not found: ../shared/wire", LISTED, in_ci=False) is None


def test_an_unlisted_reason_is_refused_everywhere() -> None:
    assert "does not list: flaky" in (refuse_skip("Skipped: flaky", LISTED, in_ci=False) or "")


def test_in_ci_only_what_is_allowed_there_may_skip() -> None:
    assert "not allowed there" in (refuse_skip("wire data not found", LISTED, in_ci=True) or "")
    assert refuse_skip("needs Linux", LISTED, in_ci=True) is None


def test_an_entry_must_say_why(tmp_path: Path) -> None:
    (tmp_path / "skips.toml").write_text('[[skip]]\nreason = "tired"\nallowed_in_ci = false\nwhy = ""\n')
    with pytest.raises(ValueError, match="'tired' says not why"):
        load_listed_skips(tmp_path / "skips.toml")


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_ci_is_known_by_its_variable(value: str, expected: bool) -> None:
    assert is_ci({"CI": value}) is expected


@pytest.mark.parametrize(
    ("reason", "in_ci", "outcome"),
    [
        ("wire data not found", "", {"skipped": 1}),
        ("wire data not found: nowhere", "true", {"failed": 1}),
        ("not today", "", {"failed": 1}),
    ],
)
def test_a_run_fails_on_a_skip_that_is_not_allowed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, reason: str, in_ci: str, outcome: dict[str, int]
) -> None:
    monkeypatch.setenv("CI", in_ci)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(ONE_SKIP.format(reason=reason))
    pytester.runpytest_inprocess(*PLUGINS).assert_outcomes(**outcome)


def test_a_module_that_skips_itself_is_held_to_the_list(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("import pytest\npytest.importorskip('entrepot_of_atlantis')")
    pytester.runpytest_inprocess(*PLUGINS).assert_outcomes(errors=1)


def test_an_expected_failure_is_no_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("import pytest\n@pytest.mark.xfail\ndef test_fails():\n    raise AssertionError")
    pytester.runpytest_inprocess(*PLUGINS).assert_outcomes(xfailed=1)

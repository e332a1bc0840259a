from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.settings.secret import HOW_TO_REFER, anchor_reference, check_reference


@pytest.mark.parametrize("text", ["env:OPENAI_API_KEY", "env:_k1", "file:/run/secrets/key", "file:keys/密钥"])
def test_a_reference_is_one(text: str) -> None:
    assert check_reference(text) is None


@pytest.mark.parametrize("text", ["sk-abc", "OPENAI_API_KEY", "ENV:X", "http://x", ""])
def test_what_is_no_reference_is_told_how_to_be_one_and_not_repeated(text: str) -> None:
    assert check_reference(text) == HOW_TO_REFER


@pytest.mark.parametrize("text", ["env:", "env:MY-KEY", "env:$KEY", "env:1X"])
def test_a_variables_name_is_checked(text: str) -> None:
    assert "name of an environment variable" in (check_reference(text) or "")


def test_a_files_path_is_checked() -> None:
    assert "path of a file" in (check_reference("file: ") or "")


def test_a_path_is_read_from_the_directory_unless_it_is_absolute() -> None:
    assert anchor_reference("file:keys/a", Path("/etc/entrepot")) == "file:/etc/entrepot/keys/a"
    assert anchor_reference("file:/run/a", Path("/etc/entrepot")) == "file:/run/a"
    assert anchor_reference("env:A", Path("/etc/entrepot")) == "env:A"

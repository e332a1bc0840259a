from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from entrepot.catalog.schema import Deployment
from entrepot.errors import SettingsError
from entrepot.upstream.credentials import MAX_FILE_BYTES, Credentials

KEY = "sk-hunter2"


def deployment(*, auth: str = "bearer", secret: str | None = "env:KEY") -> Deployment:
    return Deployment(
        id="p/m",
        model="m",
        maker="x",
        maker_country="CN",
        provider="p",
        provider_country="CN",
        region="CN",
        base_url="https://api.test/v1",
        dialect="openai-chat",
        upstream_name="m",
        auth=auth,
        secret=secret,
    )


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("bearer", ((b"authorization", b"Bearer sk-hunter2"),)),
        ("x-api-key", ((b"x-api-key", b"sk-hunter2"),)),
        ("x-goog-api-key", ((b"x-goog-api-key", b"sk-hunter2"),)),
        ("api-key", ((b"api-key", b"sk-hunter2"),)),
        ("none", ()),
    ],
)
def test_each_form_of_authentication_has_its_header(auth: str, expected: tuple[tuple[bytes, bytes], ...]) -> None:
    assert Credentials({"KEY": KEY}).headers(deployment(auth=auth)) == expected


def test_a_deployment_without_a_secret_sends_none() -> None:
    assert Credentials({}).headers(deployment(secret=None)) == ()


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(SettingsError, match="'p/m' has auth 'basic'"):
        Credentials({"KEY": KEY}).headers(deployment(auth="basic"))


@pytest.mark.parametrize("reference", ["env:KEY", "env:OTHER"])
def test_a_missing_variable_is_named(reference: str) -> None:
    with pytest.raises(SettingsError, match=f"secret {reference} has no value"):
        Credentials({"KEY": "  "}).read(reference)


@pytest.mark.parametrize("value", [f"{KEY}\r\nx: y", f"{KEY} x", f"{KEY}\0", f"{KEY}钥"])
def test_a_value_that_cannot_stand_in_a_header_is_refused_and_not_repeated(value: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(value, encoding="utf-8")

    for reference in ("env:KEY", f"file:{file}"):
        with pytest.raises(SettingsError) as caught:
            Credentials({"KEY": value}).read(reference)
        assert reference in caught.value.message
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("reference", [KEY, "", "env:", "file:", "vault:sk-hunter2"])
def test_a_key_in_place_of_a_reference_is_refused_and_not_repeated(reference: str) -> None:
    with pytest.raises(SettingsError, match="by reference, as env:NAME or file:PATH") as caught:
        Credentials({}).read(reference)
    assert "hunter2" not in caught.value.message


def test_white_space_around_a_secret_is_not_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f" {KEY}\n")

    assert Credentials({"KEY": f"{KEY}\n"}).read("env:KEY") == KEY
    assert Credentials({}).read(f"file:{file}") == KEY


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "钥匙"
    file.write_text("old")
    credentials = Credentials({})
    assert credentials.read(f"file:{file}") == "old"

    file.write_text("new")
    os.utime(file, ns=(1, 1))
    assert credentials.read(f"file:{file}") == "new"

    replacement = tmp_path / "next"
    replacement.write_text("one")
    os.utime(replacement, ns=(1, 1))
    replacement.rename(file)
    assert credentials.read(f"file:{file}") == "one"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    credentials = Credentials({})
    empty, large, binary = tmp_path / "empty", tmp_path / "large", tmp_path / "binary"
    empty.write_text("\n")
    large.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    binary.write_bytes(b"hunter2\xff")

    for file, reason in (
        (empty, "the file is empty"),
        (large, "larger than"),
        (binary, "not text"),
        (tmp_path / "none", "No such file"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(SettingsError, match=reason) as caught:
            credentials.read(f"file:{file}")
        assert f"file:{file}" in caught.value.message
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))

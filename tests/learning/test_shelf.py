from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import ArtifactError, DataError
from entrepot.learning.shelf import put_on_shelf, shelved
from entrepot.learning.train import save_artifact
from entrepot.routing.artifact import load_artifact
from tests.learning.fitted import an_artifact


def test_a_copy_is_found_by_its_digest_after_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "mine.router"
    save_artifact(an_artifact(), path)
    kept = put_on_shelf(tmp_path, path)
    first = shelved(tmp_path, kept.digest).stat()
    assert put_on_shelf(tmp_path, path).digest == kept.digest
    assert shelved(tmp_path, kept.digest).stat().st_ino == first.st_ino
    path.unlink()
    assert load_artifact(shelved(tmp_path, kept.digest)).version == an_artifact().version


def test_what_is_no_router_is_not_kept_and_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no router")
    with pytest.raises(ArtifactError, match="is not a router's file"):
        put_on_shelf(tmp_path, path)
    assert not (tmp_path / "routers").exists()
    save_artifact(an_artifact(), path)
    (tmp_path / "routers").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be written"):
        put_on_shelf(tmp_path, path)

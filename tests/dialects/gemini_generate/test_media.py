from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Media
from entrepot.dialects.gemini_generate.media import parse_blob, parse_file, render_media
from entrepot.dialects.gemini_generate.wire import WireBlob, WireFile
from entrepot.errors import InvalidRequest


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/webp", "image"),
        ("audio/flac", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "file"),
        ("", "file"),
    ],
)
def test_the_kind_is_told_by_the_media_type(media_type: str, kind: str) -> None:
    assert parse_blob(WireBlob("AA==", media_type), {}, {}).kind == kind


@pytest.mark.parametrize(
    ("uri", "is_googles"),
    [
        ("gs://bucket/猫.png", True),
        ("https://generativelanguage.googleapis.com/v1beta/files/x", True),
        ("https://host/猫.png", False),
        ("https://evil/?https://generativelanguage.googleapis.com/", False),
    ],
)
def test_what_only_google_can_open_is_a_file_of_its_own(uri: str, is_googles: bool) -> None:
    media = parse_file(WireFile(uri), {}, {})
    assert (media.file_id, media.url) == ((uri, None) if is_googles else (None, uri))


@pytest.mark.parametrize(
    ("media", "wire"),
    [
        (Media("image", "image/png", data="AA=="), {"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        (
            Media("file", data="AA==", name="账单.PDF"),
            {"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "账单.PDF"}},
        ),
        (Media("image", url="https://h/a"), {"fileData": {"fileUri": "https://h/a"}}),
        (
            Media("image", url="https://h/a.webp?b=c.png"),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://h/a.webp?b=c.png"}},
        ),
    ],
)
def test_media_of_another_dialect_is_typed_where_it_can_be(media: Media, wire: dict[str, Any]) -> None:
    assert render_media(media, "at", own=False) == wire


def test_another_providers_file_and_data_without_type_are_refused_and_named() -> None:
    for media in (Media("file", file_id="file-1"), Media("image", data="AA==")):
        with pytest.raises(InvalidRequest) as raised:
            render_media(media, "messages[0].parts[1]", own=False)
        assert raised.value.param == "messages[0].parts[1]"

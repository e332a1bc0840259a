from __future__ import annotations

from typing import Any, Literal

import pytest

from entrepot.canonical.request import Media, Text
from entrepot.dialects.bedrock_converse.media import MediaBlocks, media_of
from entrepot.errors import InvalidRequest
from tests.dialects.bedrock_converse.asking import CLAUDE, body, user

Kind = Literal["image", "audio", "video", "file"]


@pytest.mark.parametrize(
    ("kind", "media_type", "name", "format_"),
    [
        ("image", "image/png", "image", "png"),
        ("image", "image/jpeg", "image", "jpeg"),
        ("video", "video/mp4", "video", "mp4"),
        ("video", "video/3gpp", "video", "three_gp"),
        ("audio", "audio/mpeg", "audio", "mp3"),
        ("audio", "audio/wav; rate=16000", "audio", "wav"),
        ("file", "application/pdf", "document", "pdf"),
        ("file", "text/csv", "document", "csv"),
        ("file", "text/x-python", "document", "txt"),
        ("file", "application/json", "document", "txt"),
    ],
)
def test_media_is_sent_as_its_bytes(kind: Kind, media_type: str, name: str, format_: str) -> None:
    block = MediaBlocks().render(Media(kind, media_type, data="QUJD"), "messages[0].parts[0]")
    assert block[name]["format"] == format_
    assert block[name]["source"] == {"bytes": "QUJD"}


def test_what_lies_in_s3_is_sent_as_its_address() -> None:
    block = MediaBlocks().render(Media("video", url="s3://bucket/films/猫.mp4"), "x")
    assert block["video"] == {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/films/猫.mp4"}}}
    assert MediaBlocks().render(Media("image", "image/png", file_id="s3://b/a"), "x")["image"]["source"] == {
        "s3Location": {"uri": "s3://b/a"}
    }


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        (Media("image", "image/png", url="https://example.com/cat.png"), "fetches nothing from the web"),
        (Media("file", "application/pdf", file_id="file-1"), "another provider keeps"),
        (Media("image", "image/tiff", data="QUJD"), "image/tiff"),
        (Media("image", "image/png", data=""), "empty"),
        (Media("file", "application/zip", data="QUJD"), "pdf"),
    ],
)
def test_what_bedrock_could_not_read_is_refused_with_the_reason(media: Media, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        body(CLAUDE, user(Text("look"), media))
    assert caught.value.param == "messages[0].parts[1]"


def test_document_names_are_ones_that_bedrock_takes_and_differ() -> None:
    blocks = MediaBlocks()
    given = ["Q3 report (final).pdf", "Q3 report (final).pdf", "季度报告.pdf", None, "a__b.tar.pdf"]
    names = [
        blocks.render(Media("file", "application/pdf", data="QUJD", name=name), "x")["document"]["name"]
        for name in given
    ]
    assert names == ["Q3 report (final)", "Q3 report (final) 2", "Document 1", "Document 2", "a b tar"]


def test_media_that_a_model_answers_with_is_read() -> None:
    image: dict[str, Any] = {"format": "png", "source": {"bytes": "QUJD"}}
    assert media_of("image", image) == Media("image", "image/png", data="QUJD")
    assert media_of("image", {"format": "png"}) is None
    assert media_of("video", {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/x"}}}) == Media(
        "video", "video/mp4", url="s3://b/x"
    )

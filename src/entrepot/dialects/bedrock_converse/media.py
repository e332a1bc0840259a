"""Images, documents, films and sounds as Converse's blocks, and the ones that models answer with.

Rules of this file: Bedrock fetches nothing but what lies in S3, so anything else is sent as its bytes. A document's name holds
letters, digits, single spaces, `-()[]` of ASCII, and no two documents of a request have the same.
"""

from __future__ import annotations

import re
from itertools import chain, count
from typing import Any

from entrepot.canonical.request import Media
from entrepot.dialects.answer_body import object_or_empty
from entrepot.dialects.bedrock_converse.wire import text_of
from entrepot.errors import InvalidRequest

Block = dict[str, Any]

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_VIDEOS = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
    "audio/pcm": "pcm",
}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
    "application/json": "txt",
    "application/xml": "txt",
}
FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    "image": ("image", _IMAGES),
    "video": ("video", _VIDEOS),
    "audio": ("audio", _SOUNDS),
    "file": ("document", _DOCUMENTS),
}
"""By the kind of media: the block's name, and its formats by media type."""
_TYPES = {
    name: {format_: media_type for media_type, format_ in reversed(formats.items())}
    for name, formats in (("image", _IMAGES), ("video", _VIDEOS), ("audio", _SOUNDS), ("document", _DOCUMENTS))
}
_KINDS: dict[str, Any] = {"image": "image", "video": "video", "audio": "audio", "document": "file"}
_ENDINGS = {"jpg": "jpeg", "3gp": "three_gp", "htm": "html", "mpg": "mpg"}
_REFUSED_IN_NAMES = re.compile(r"[^a-zA-Z0-9 \-()\[\]]+")
_MAX_NAME = 180


class MediaBlocks:
    """The media of one request on their way to the wire; knows which document names are taken."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def render(self, part: Media, at: str) -> Block:
        """The block. Raises InvalidRequest for what Bedrock could not read."""
        name, formats = FORMATS[part.kind]
        source = _source(part, at)
        block: Block = {"format": _format(part, name, formats, at), "source": source}
        if name == "document":
            block["name"] = self._document_name(part.name or "")
        return {name: block}

    def _document_name(self, given: str) -> str:
        stem = given.rpartition(".")[0] or given
        wanted = " ".join(_REFUSED_IN_NAMES.sub(" ", stem).split())[:_MAX_NAME].strip()
        numbered = (f"{wanted or 'Document'} {number}" for number in count(2 if wanted else 1))
        name = next(each for each in chain([wanted] if wanted else [], numbered) if each not in self._names)
        self._names.add(name)
        return name


def _source(part: Media, at: str) -> Block:
    address = part.url or part.file_id or ""
    if part.data:
        return {"bytes": part.data}
    if address.startswith("s3://"):
        return {"s3Location": {"uri": address}}
    if part.file_id is not None:
        raise InvalidRequest(
            f"{at} names the file '{part.file_id[:80]}', which another provider keeps: send it", param=at
        )
    if part.url is not None:
        raise InvalidRequest(
            f"{at} is an address: Bedrock fetches nothing from the web, so send the data itself or an s3:// address",
            param=at,
        )
    raise InvalidRequest(f"{at} is empty: the {part.kind} has no data", param=at)


def _format(part: Media, name: str, formats: dict[str, str], at: str) -> str:
    media_type = part.media_type.partition(";")[0].strip().lower()
    found = formats.get(media_type)
    if found is None and not media_type:
        ending = (part.name or part.url or part.file_id or "").rpartition(".")[2].lower()
        ending = _ENDINGS.get(ending, ending)
        found = ending if ending in formats.values() or ending == "txt" else None
    if found is None and name == "document" and media_type.startswith("text/"):
        found = "txt"
    if found is None:
        known = ", ".join(sorted({*formats.values()}))
        raise InvalidRequest(
            f"{at} is {part.kind} of the type '{part.media_type}', which Bedrock does not know: use one of {known}",
            param=at,
        )
    return found


def media_of(name: str, block: object) -> Media | None:
    """An image, document, film or sound that a model answered with; None where it holds neither data nor an address."""
    given = object_or_empty(block)
    source = object_or_empty(given.get("source"))
    data, uri = text_of(source.get("bytes")), text_of(object_or_empty(source.get("s3Location")).get("uri"))
    media_type = _TYPES[name].get(text_of(given.get("format")), "")
    title = text_of(given.get("name")) or None
    if data:
        return Media(_KINDS[name], media_type, data=data, name=title)
    return Media(_KINDS[name], media_type, url=uri, name=title) if uri else None


MEDIA_BLOCKS = frozenset(_KINDS)
"""Names of the blocks that hold media."""

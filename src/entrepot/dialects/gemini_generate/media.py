"""Images, sounds, films and files between the wire and the canonical form.

Rules of this file: an address that only Google can open (of its Files API, of Cloud Storage) is a `file_id`, any other a `url`.
The wire wants a media type; where a client named none it is taken from the address's ending. Its bytes may come in either base64
alphabet (Google's own client writes the one for addresses); the canonical form has the plain one, which every dialect reads.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from entrepot.canonical.request import Media
from entrepot.dialects.gemini_generate.wire import DIALECT, WireBlob, WireFile, rest
from entrepot.errors import InvalidRequest

_BY_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
_ONE_ALPHABET = str.maketrans("-_", "+/")
_GOOGLE_FILES = ("gs://", "https://generativelanguage.googleapis.com/")
_WHOLE: dict[str, Literal["image", "audio", "video"]] = {"image": "image", "audio": "audio", "video": "video"}


def parse_blob(wire: WireBlob, raw: dict[str, Any], extra: dict[str, Any]) -> Media:
    """Media that the part itself holds. `extra` is what the part says beside it."""
    media_type = wire.mime_type or ""
    kept = _with_source(extra, rest(raw, WireBlob))
    return Media(_kind(media_type), media_type, data=_plain_base64(wire.data), name=wire.display_name, extra=kept)


def parse_file(wire: WireFile, raw: dict[str, Any], extra: dict[str, Any]) -> Media:
    """Media that the part points to."""
    media_type, uri = wire.mime_type or "", wire.file_uri
    kind = _kind(media_type or _type_of(uri))
    kept = _with_source(extra, rest(raw, WireFile))
    if uri.startswith(_GOOGLE_FILES):
        return Media(kind, media_type, file_id=uri, name=wire.display_name, extra=kept)
    return Media(kind, media_type, url=uri, name=wire.display_name, extra=kept)


def render_media(media: Media, at: str, *, own: bool) -> dict[str, Any]:
    """A part. `own`: the client speaks this dialect, so its `extra` and its file ids mean something here.

    Raises InvalidRequest for what Gemini could not read.
    """
    extra = dict(media.extra) if own else {}
    source = extra.pop("source", {})
    named = {"displayName": media.name} if media.name else {}
    if media.data is not None:
        media_type = media.media_type or _type_of(media.name or "")
        if not media_type:
            raise InvalidRequest(f"'{at}': the {media.kind} has no media type, which {DIALECT} needs", param=at)
        return {**extra, "inlineData": {**source, "mimeType": media_type, "data": media.data, **named}}
    if media.file_id is not None and not own:
        raise InvalidRequest(
            f"'{at}': the file '{media.file_id[:80]}' is kept by another provider; send its data or its address",
            param=at,
        )
    uri = media.file_id if media.file_id is not None else media.url or ""
    media_type = media.media_type or ("" if own else _type_of(uri))
    typed = {"mimeType": media_type} if media_type else {}
    return {**extra, "fileData": {**source, **typed, "fileUri": uri, **named}}


def _plain_base64(data: str) -> str:
    plain = data.translate(_ONE_ALPHABET)
    return plain + "=" * (-len(plain) % 4)


def _with_source(extra: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    return {**extra, "source": source} if source else extra


def _kind(media_type: str) -> Literal["image", "audio", "video", "file"]:
    return _WHOLE.get(media_type.partition("/")[0], "file")


def _type_of(address: str) -> str:
    path = urlsplit(address).path if "://" in address else address
    return _BY_ENDING.get(path.rpartition(".")[2].lower(), "")

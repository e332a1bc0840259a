"""Logs of Inspect AI (https://inspect.aisi.org.uk/eval-logs.html): one JSON file, or `.eval`, a ZIP of one JSON file a sample.

Rules of this file: newer `.eval` files are compressed as Zstandard (method 93 of ZIP), which Python's zipfile does not read
before 3.14: their parts are found by it, and unpacked by the `learn` extra's pyarrow.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from entrepot.errors import DataError, ExtraMissing
from entrepot.learning.samples import Read, Sample, exchange_in, said_in, score_of, whole

_HEADERS = ("header.json", "_journal/start.json")
_ZSTANDARD = 93
_LOCAL = struct.Struct("<26xHH")
"""The end of what stands before a part: how long its name and extra fields are (PKWARE APPNOTE 4.3.7)."""
MOST_SAMPLE_BYTES = 64 * 1024 * 1024


def read_eval(path: Path, metric: str | None = None) -> Read:
    """A `.eval` log. Raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            header = next((_member(archive, name, path) for name in _HEADERS if name in names), None)
            if header is None:
                raise DataError(f"{path} is a ZIP, and no log of Inspect: it has neither {' nor '.join(_HEADERS)}")
            samples = (_member(archive, name, path) for name in names if _is_sample(name))
            return parse_log({**header, "samples": list(samples)}, path, metric)
    except (zipfile.BadZipFile, NotImplementedError, struct.error, OSError) as error:
        raise DataError(f"{path} cannot be read as a log of Inspect: {error}") from error


def is_log(document: object) -> bool:
    """Whether a JSON document is such a log."""
    return isinstance(document, Mapping) and isinstance(document.get("eval"), Mapping) and "samples" in document


def parse_log(document: Mapping[str, Any], path: Path, metric: str | None = None) -> Read:
    """A log as one document. `metric` names the scorer; by default a sample's first. Raises DataError."""
    about = document["eval"]
    samples, unjudged = [], 0
    for told in document["samples"] or ():
        if not isinstance(told, Mapping):
            raise DataError(f"{path}: a sample is no object; was this written by Inspect?")
        found = [one for one in _scores(told) if metric is None or one[0] == metric]
        if not found:
            unjudged += 1
            continue
        by, score, answer = found[0]
        output = told.get("output") or {}
        usage = output.get("usage") or {}
        samples.append(
            Sample(
                kind="inspect",
                task=str(about.get("task") or "inspect"),
                id=str(told.get("id")),
                prompt=said_in(told.get("input")),
                model=str(output.get("model") or about.get("model") or ""),
                score=score,
                by=by,
                answer=str(answer or output.get("completion") or ""),
                key=_key(told.get("target")),
                input_tokens=whole(usage.get("input_tokens")),
                output_tokens=whole(usage.get("output_tokens")),
                duration_ms=1000 * float(told.get("total_time") or 0.0),
                at=str(told.get("completed_at") or about.get("created") or ""),
                exchange=exchange_in([told.get("metadata"), output.get("metadata"), told.get("store")]),
            )
        )
    return Read("inspect", tuple(samples), unjudged)


def _scores(told: Mapping[str, Any]) -> Iterator[tuple[str, float, object]]:
    """Who judged the sample, what the score was, and what was taken for its answer."""
    for name, score in (told.get("scores") or {}).items():
        value = score.get("value") if isinstance(score, Mapping) else None
        parts = value.items() if isinstance(value, Mapping) else ((None, value),)
        for part, each in parts:
            found = score_of(each)
            if found is not None:
                yield name if part is None else f"{name}/{part}", found, score.get("answer")


def _key(target: object) -> str:
    if isinstance(target, list):
        return " / ".join(map(str, target))
    return "" if target is None else str(target)


def _is_sample(name: str) -> bool:
    return name.startswith("samples/") and name.endswith(".json")


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    if archive.getinfo(name).file_size > MOST_SAMPLE_BYTES:
        raise DataError(f"{path}: {name} is larger than {MOST_SAMPLE_BYTES // 1024**2} MiB")
    try:
        return msgspec.json.decode(_unpacked(archive, name, path), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise DataError(f"{path}: {name} is not a JSON object: {error}") from error


def _unpacked(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    about = archive.getinfo(name)
    if about.compress_type != _ZSTANDARD:
        return archive.read(name)
    try:
        from pyarrow import ArrowException, Codec  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError as error:
        raise ExtraMissing(f"reading {path}", "learn") from error
    with path.open("rb") as file:
        file.seek(about.header_offset)
        name_bytes, extra_bytes = _LOCAL.unpack(file.read(_LOCAL.size))
        file.seek(name_bytes + extra_bytes, 1)
        packed = file.read(about.compress_size)
    try:
        return bytes(Codec("zstd").decompress(packed, decompressed_size=about.file_size))
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: {name} is damaged: {error}") from error

"""A fitted router as one file: what it learned, from what, when, in a form that runs no code when it is read.

The file: a magic line, the length of a header (8 bytes, big-endian), the header (MessagePack: format version, provenance,
a list of arrays with their types and shapes), the arrays one after another, deflated, and last the SHA-256 of all before
it. Weights are kept as float16: that moves no estimate by more than a thousandth, which a test holds them to.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from entrepot.errors import ArtifactError
from entrepot.routing.ability import Ability, Scale
from entrepot.routing.calibration import Calibration, Kind, Members
from entrepot.routing.confidence import Confidence
from entrepot.routing.embedder import load_embedder
from entrepot.routing.ensemble import EnsembleRouter, Fitted
from entrepot.routing.featurizer import Featurizer
from entrepot.routing.lengths import Lengths
from entrepot.routing.linear import Heads
from entrepot.routing.nearby import Nearby
from entrepot.routing.rehearsal import DIGEST_BYTES, Sample
from entrepot.routing.votes import SHIPPED_VOTES, VoteModel

FORMAT = 4
_MAGIC = b"entrepot router\n"
_DIGEST_BYTES = 32
_LARGEST_BYTES = 64 * 1024 * 1024
_SAMPLED = ("input_tokens", "p_correct", "output_tokens", "traits", "quality", "learned")
_HALF = frozenset({
    "heads", "prompt_weights", "lengths", "idf", "ease", "near_directions", "near_at", "near_right", "near_weight",
    "sample_p_correct", "sample_traits", "sample_learned",
})  # fmt: skip


class Provenance(msgspec.Struct, frozen=True):
    """Where a fit comes from: the dates of its outcomes, the files, how much there was, and when it was made."""

    window: str
    sources: tuple[str, ...]
    prompts: int
    outcomes: int
    fitted_on: str


class Artifact(msgspec.Struct, frozen=True, eq=False):
    """A fitted router, its provenance, a sample of past prompts where one was kept, and how votes are weighed.

    `confidence` is how far log-probabilities of tokens are believed, None where nothing was there to learn that from.
    `digest` is the hex SHA-256 of the file's content, empty before it is saved.
    """

    fitted: Fitted
    provenance: Provenance
    digest: str = ""
    sample: Sample | None = None
    votes: VoteModel = SHIPPED_VOTES
    confidence: Confidence | None = None

    @property
    def version(self) -> str:
        """The router's name in every decision."""
        return f"ensemble/{self.provenance.fitted_on}/{self.digest[:12] or 'unsaved'}"

    def router(self) -> EnsembleRouter:
        """The router, ready to bind."""
        return EnsembleRouter.of(self.fitted, self.version, self.sample)


class _Array(msgspec.Struct, frozen=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True):
    format: int
    provenance: Provenance
    models: tuple[str, ...]
    aliases: dict[str, str]
    scales: dict[str, Scale]
    kind: Kind
    spread: float
    arrays: tuple[_Array, ...]
    sampled: tuple[str, str] | None = None
    known: bytes = b""
    votes: VoteModel | None = None
    embedder: str | None = None
    confidence: Confidence | None = None


def default_artifact_path() -> Path:
    """The router that ships with the package."""
    return Path(__file__).parent / "artifacts" / "default.router"


def render_artifact(artifact: Artifact) -> bytes:
    """The file's bytes: the same fit gives the same bytes."""
    fitted = artifact.fitted
    sample = artifact.sample
    arrays = {name: _stored(name, values) for name, values in {**_arrays(fitted), **_sampled(sample)}.items()}
    header = msgspec.msgpack.encode(
        _Header(
            format=FORMAT,
            provenance=artifact.provenance,
            models=fitted.members.heads.models,
            aliases=dict(fitted.aliases),
            scales=dict(fitted.members.ability.scales),
            kind=fitted.members.kind,
            spread=fitted.calibration.spread,
            arrays=tuple(_Array(name, values.dtype.str, values.shape) for name, values in arrays.items()),
            sampled=None if sample is None else (sample.data, sample.date),
            known=b"" if sample is None else b"".join(sorted(sample.known)),
            votes=None if artifact.votes is SHIPPED_VOTES else artifact.votes,
            embedder=None if fitted.featurizer.embedder is None else fitted.featurizer.embedder.name,
            confidence=artifact.confidence,
        )
    )
    body = zlib.compress(b"".join(values.tobytes() for values in arrays.values()), 9)
    content = _MAGIC + len(header).to_bytes(8, "big") + header + body
    return content + hashlib.sha256(content).digest()


def digest_of(artifact: Artifact) -> str:
    """The digest that the artifact has once it is a file."""
    return render_artifact(artifact)[-_DIGEST_BYTES:].hex()


def load_artifact(path: Path | str) -> Artifact:
    """Read a router's file. Raises ArtifactError if it is missing, damaged, or of another format."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ArtifactError(f"the router {path} cannot be read: {error.strerror}") from error
    return parse_artifact(content, str(path))


def parse_artifact(content: bytes, where: str) -> Artifact:
    """An artifact from its bytes; `where` names them in errors."""
    start = len(_MAGIC) + 8
    if not content.startswith(_MAGIC):
        raise ArtifactError(f"{where} is not a router's file (those are written by `entrepot train`)")
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise ArtifactError(f"the router {where} is damaged: its digest does not match; copy or train it again")
    end = start + int.from_bytes(content[len(_MAGIC) : start], "big")
    # the digest holds, so whatever is wrong from here on is another version of this program, not damage
    try:
        version = msgspec.msgpack.decode(content[start:end], type=_Version).format
        if version != FORMAT:
            raise ArtifactError(f"the router {where} has format {version}, this program reads {FORMAT}: train it again")
        header = msgspec.msgpack.decode(content[start:end], type=_Header)
        arrays = _split(header.arrays, content[end:-_DIGEST_BYTES])
        fitted, sample = _fitted(header, arrays), _sample(header, arrays)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise ArtifactError(f"the router {where} was written by another version: {error}; train it again") from error
    digest, votes = content[-_DIGEST_BYTES:].hex(), header.votes or SHIPPED_VOTES
    return Artifact(fitted, header.provenance, digest, sample, votes, header.confidence)


class _Version(msgspec.Struct, frozen=True):
    format: int


def _arrays(fitted: Fitted) -> dict[str, np.ndarray[Any, Any]]:
    members, calibration, nearby = fitted.members, fitted.calibration, fitted.members.nearby
    near: dict[str, np.ndarray[Any, Any]] = (
        {}
        if nearby is None
        else {
            "near_directions": nearby.directions,
            "near_centres": nearby.centres,
            "near_starts": nearby.starts,
            "near_at": nearby.at,
            "near_right": nearby.right,
            "near_weight": nearby.weight,
        }
    )
    return {
        "idf": fitted.featurizer.idf_,
        "mean": fitted.featurizer.mean_,
        "scale": fitted.featurizer.scale_,
        "low": fitted.featurizer.low_,
        "high": fitted.featurizer.high_,
        "heads": members.heads.weights,
        "head_outcomes": members.heads.outcomes,
        "prompt_weights": members.ability.prompt_weights,
        "abilities": members.ability.abilities,
        "ability_errors": members.ability.errors,
        "lengths": members.lengths.weights,
        "log_errors": members.lengths.log_errors,
        "slopes": calibration.slopes,
        "shifts": calibration.shifts,
        "eases": calibration.eases,
        "knots": calibration.knots,
        "nears": calibration.nears,
        "ease": members.ease,
        "length_factors": calibration.length_factors,
        **near,
    }


def _sampled(sample: Sample | None) -> dict[str, np.ndarray[Any, Any]]:
    return {} if sample is None else {f"sample_{name}": getattr(sample, name) for name in _SAMPLED}


def _sample(header: _Header, arrays: dict[str, np.ndarray[Any, np.dtype[np.float32]]]) -> Sample | None:
    if header.sampled is None:
        return None
    tokens, p_correct, output_tokens, traits, quality, learned = (arrays[f"sample_{name}"] for name in _SAMPLED)
    table = (len(tokens), len(header.models))
    if p_correct.shape != table or output_tokens.shape != table or quality.shape[0] != table[0]:
        raise ValueError(f"a sample of shape {p_correct.shape} for {len(header.models)} models")
    data, date = header.sampled
    digests = header.known
    known = frozenset(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))
    return Sample(tokens, p_correct, output_tokens, traits, quality, learned > 0, data, date, known)


def _stored(name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(values, np.dtype("<f2") if name in _HALF else np.dtype("<f4"))


def _split(arrays: tuple[_Array, ...], body: bytes) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    unpack = zlib.decompressobj()
    raw = unpack.decompress(body, _LARGEST_BYTES)
    found = {}
    start = 0
    for array in arrays:
        dtype = np.dtype(array.dtype)
        if dtype.kind != "f":
            raise ValueError(f"array {array.name} has type {array.dtype}")
        size = math.prod(array.shape)
        found[array.name] = np.frombuffer(raw, dtype, size, start).reshape(array.shape).astype(np.float32)
        start += size * dtype.itemsize
    return found


def _fitted(header: _Header, arrays: dict[str, np.ndarray[Any, np.dtype[np.float32]]]) -> Fitted:
    embedder = None if header.embedder is None else load_embedder(header.embedder)
    idf, mean, scale, low, high = (arrays[name] for name in ("idf", "mean", "scale", "low", "high"))
    featurizer = Featurizer.of(idf, mean, scale, low, high, embedder)
    models = header.models
    if arrays["heads"].shape != (featurizer.columns, len(models)):
        raise ValueError(f"heads of shape {arrays['heads'].shape} for {len(models)} models")
    members = Members(
        kind=header.kind,
        heads=Heads(models, arrays["heads"], arrays["head_outcomes"]),
        ability=Ability(models, arrays["prompt_weights"], arrays["abilities"], arrays["ability_errors"], header.scales),
        lengths=Lengths(models, arrays["lengths"], arrays["log_errors"]),
        ease=arrays["ease"],
        nearby=_nearby(models, arrays) if "near_at" in arrays else None,
    )
    calibration = Calibration(
        arrays["slopes"],
        arrays["shifts"],
        arrays["eases"],
        arrays["knots"],
        arrays["nears"],
        arrays["length_factors"],
        header.spread,
    )
    return Fitted(featurizer, members, calibration, header.aliases)


def _nearby(models: tuple[str, ...], arrays: dict[str, np.ndarray[Any, np.dtype[np.float32]]]) -> Nearby:
    starts = arrays["near_starts"].astype(np.intp)
    prompts = len(arrays["near_at"])
    if len(starts) != len(arrays["near_centres"]) + 1 or starts[0] != 0 or starts[-1] != prompts:
        raise ValueError(f"clusters that do not hold the {prompts} prompts")
    seen = arrays["near_right"].shape[1]  # models that came after the fit have no record
    if arrays["near_right"].shape != arrays["near_weight"].shape or seen > len(models):
        raise ValueError(f"records of {seen} models, of {len(models)}")
    return Nearby(
        models[:seen],
        arrays["near_directions"],
        arrays["near_centres"],
        starts,
        arrays["near_at"],
        arrays["near_right"],
        arrays["near_weight"],
    )

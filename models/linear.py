"""A linear model on disk: a folder with `manifest.json`, `vocabulary.json` and `weights.npz`.

Loading is as strict as that of a bundle: every byte is the one that was written, every key and array is
known, a newer format is refused, and nothing in the folder can execute.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.calibration import Calibration
from models.errors import BundleCorrupt, BundleError, BundleTooNew, TaxonomyError
from models.files import read_json, sha256_of, verify_files, write_json_atomic
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS
from models.taxonomy import Taxonomy
from models.terms import Floats

FORMAT: Final = 1
KIND: Final = "linear"
MANIFEST: Final = "manifest.json"
VOCABULARY: Final = "vocabulary.json"
WEIGHTS: Final = "weights.npz"
KEYS: Final = (
    "format",
    "kind",
    "name",
    "taxonomy_version",
    "calibration",
    "metrics",
    "training",
    "files",
    "taxonomy",
)
ARRAYS: Final = ("idf", "weights", "bias")
SATISFACTIONS: Final = 5
MAX_ARRAY_BYTES: Final = 1024**3
"""Arrays that unpack to more are refused unread."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Outputs:
    """Which column of the weights says what; `labels` are the touchpoints, then the dimensions."""

    labels: tuple[str, ...]

    @classmethod
    def of(cls, taxonomy: Taxonomy) -> "Outputs":
        """The outputs of a model of this taxonomy. The general verdict has none: it is no touchpoint."""
        return cls((*taxonomy.touchpoint_ids, *taxonomy.dimension_ids))

    @cached_property
    def sentiment(self) -> slice:
        """Sentiment of whatever the words speak of."""
        return slice(len(self.labels), len(self.labels) + len(SENTIMENTS))

    @cached_property
    def emotion(self) -> slice:
        """The dominant emotion of the comment."""
        return slice(self.sentiment.stop, self.sentiment.stop + len(EMOTIONS))

    @cached_property
    def satisfaction(self) -> slice:
        """Satisfaction 1 to 5."""
        return slice(self.emotion.stop, self.emotion.stop + SATISFACTIONS)

    @cached_property
    def loyalty(self) -> slice:
        """Stated loyalty."""
        return slice(self.satisfaction.stop, self.satisfaction.stop + len(LOYALTIES))

    def __len__(self) -> int:
        return int(self.loyalty.stop)


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """A checked linear model; its scores are calibrated: scale and offset are part of weights and bias.

    idf: Shape: (terms,); weights: (terms, outputs); bias: (outputs,). The outputs are those of `Outputs`.
    metrics and training say how good the model is and what made it. `identity` is set by `load` and `save`.
    """

    name: str
    taxonomy: Taxonomy
    vocabulary: Sequence[str]
    idf: Floats
    weights: Floats
    bias: Floats
    calibration: Calibration
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]
    identity: str = ""

    @cached_property
    def outputs(self) -> Outputs:
        """Which column says what."""
        return Outputs.of(self.taxonomy)

    @classmethod
    def load(cls, folder: Path) -> "LinearModel":
        """Reads and checks a model.

        Raises:
            BundleError: there is no such folder.
            BundleCorrupt: a file is missing or changed, a key is missing or unknown, a value makes no sense.
            BundleTooNew: the manifest has a newer format than this program reads.
        """
        if not folder.is_dir():
            raise BundleError(
                f"{folder} is not a folder; give the folder of a baseline, which has a {MANIFEST}"
            )
        manifest = read_json(folder / MANIFEST, "the manifest of a baseline")
        identity = _check_manifest(folder, manifest)
        verify_files(folder, manifest["files"])
        try:
            taxonomy = Taxonomy.from_dict(manifest["taxonomy"], source=str(folder / MANIFEST))
        except TaxonomyError as error:
            raise BundleCorrupt(f"{folder}: the taxonomy in the manifest is broken: {error}") from error
        if manifest["taxonomy_version"] != taxonomy.version:
            raise BundleCorrupt(
                f"{folder}: taxonomy_version {manifest['taxonomy_version']!r} differs from the taxonomy's "
                f"{taxonomy.version!r}"
            )
        vocabulary = _vocabulary(folder)
        arrays = _arrays(folder, len(vocabulary), len(Outputs.of(taxonomy)))
        return cls(
            name=manifest["name"],
            taxonomy=taxonomy,
            vocabulary=vocabulary,
            idf=arrays["idf"],
            weights=arrays["weights"],
            bias=arrays["bias"],
            calibration=Calibration.from_dict(manifest["calibration"], source=str(folder)),
            metrics=manifest["metrics"],
            training=manifest["training"],
            identity=identity,
        )

    def save(self, folder: Path) -> "LinearModel":
        """Writes the model, the weights in half precision, and gives back what `load` would read.

        The manifest comes last: whatever stops the writing leaves a folder that `load` refuses, never a mixed
        model. Equal models give equal bytes. Raises OSError where the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        write_json_atomic(folder / VOCABULARY, {"terms": list(self.vocabulary)})
        beside = folder / f".{WEIGHTS}.{os.getpid()}.tmp"
        try:
            with beside.open("wb") as stream:
                half = self.weights.astype(np.float16)
                np.savez_compressed(stream, idf=self.idf.astype(np.float16), weights=half, bias=self.bias)
            beside.replace(folder / WEIGHTS)
        finally:
            beside.unlink(missing_ok=True)
        write_json_atomic(
            folder / MANIFEST,
            {
                "format": FORMAT,
                "kind": KIND,
                "name": self.name,
                "taxonomy_version": self.taxonomy.version,
                "calibration": self.calibration.to_dict(),
                "metrics": dict(self.metrics),
                "training": dict(self.training),
                "files": {name: sha256_of(folder / name) for name in (VOCABULARY, WEIGHTS)},
                "taxonomy": self.taxonomy.to_dict(),
            },
        )
        return LinearModel.load(folder)


def _check_manifest(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Everything but the values of nested parts; gives the model's identity."""
    found = manifest.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise BundleTooNew(
            f"{folder} has format {found}; this program reads format {FORMAT}; install a newer huiyin"
        )
    if manifest.get("kind") != KIND:
        raise BundleCorrupt(
            f"{folder}: kind is {manifest.get('kind')!r}; a baseline has {KIND!r}; is it another model?"
        )
    if found != FORMAT or isinstance(found, bool):
        raise BundleCorrupt(f"{folder}: format is {found!r}; it must be {FORMAT}")
    _check_keys(folder, "the manifest", manifest, KEYS)
    _check_keys(folder, "files", manifest["files"], (VOCABULARY, WEIGHTS))
    for key in ("calibration", "metrics", "training"):
        if not isinstance(manifest[key], dict):
            raise BundleCorrupt(f"{folder}: {key} is {type(manifest[key]).__name__}; it must be an object")
    name = manifest["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BundleCorrupt(f"{folder}: the name {name!r} must match {_NAME.pattern}")
    return f"{name}@{sha256_of(folder / MANIFEST)[:12]}"


def _check_keys(folder: Path, what: str, found: object, allowed: Sequence[str]) -> None:
    if not isinstance(found, dict):
        raise BundleCorrupt(f"{folder}: {what} must be an object with the keys {', '.join(allowed)}")
    unknown, missing = sorted(set(found) - set(allowed)), sorted(set(allowed) - set(found))
    if unknown:
        raise BundleCorrupt(
            f"{folder}: {what} has the unknown key {unknown[0]!r}; allowed: {', '.join(allowed)}"
        )
    if missing:
        raise BundleCorrupt(f"{folder}: {what} lacks the key {missing[0]!r}; install the baseline again")


def _vocabulary(folder: Path) -> tuple[str, ...]:
    data = read_json(folder / VOCABULARY, "the vocabulary")
    _check_keys(folder, "the vocabulary", data, ("terms",))
    terms = data["terms"]
    if not isinstance(terms, list) or not all(isinstance(term, str) and term for term in terms):
        raise BundleCorrupt(f"{folder / VOCABULARY}: terms must be a list of texts")
    if len(set(terms)) != len(terms):
        raise BundleCorrupt(f"{folder / VOCABULARY}: a term stands twice")
    return tuple(terms)


def _arrays(folder: Path, terms: int, outputs: int) -> dict[str, Floats]:
    shapes = {"idf": (terms,), "weights": (terms, outputs), "bias": (outputs,)}
    try:
        with zipfile.ZipFile(folder / WEIGHTS) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_ARRAY_BYTES:
            raise BundleCorrupt(
                f"{folder / WEIGHTS}: unpacks to {unpacked:,} bytes; {MAX_ARRAY_BYTES:,} are allowed"
            )
        with np.load(folder / WEIGHTS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        raise BundleCorrupt(
            f"{folder / WEIGHTS}: cannot be read ({error}); install the baseline again"
        ) from error
    _check_keys(folder, WEIGHTS, arrays, ARRAYS)
    for name, array in arrays.items():
        if array.dtype not in (np.float16, np.float32) or array.shape != shapes[name]:
            raise BundleCorrupt(
                f"{folder / WEIGHTS}: {name} is {array.dtype} of shape {array.shape}; it must be float16 or "
                f"float32 of shape {shapes[name]}"
            )
        if not np.isfinite(array).all():
            raise BundleCorrupt(f"{folder / WEIGHTS}: {name} holds values that are no numbers")
    return {name: array.astype(np.float32) for name, array in arrays.items()}

"""A model on disk: a folder with `manifest.json`, `tokenizer.json` and `model.onnx`.

Loading is strict: every byte is the one that was released, every key is known, and a newer format is refused.
A model's identity is its name and the first 12 hex digits of the SHA-256 of its manifest, which holds the
SHA-256 of every other file; so equal identities are equal models.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from models.calibration import Calibration
from models.errors import BundleCorrupt, BundleTooNew, TaxonomyError
from models.files import read_json, sha256_of, verify_files, write_json_atomic
from models.taxonomy import Taxonomy

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
TOKENIZER: Final = "tokenizer.json"
GRAPH: Final = "model.onnx"
KEYS: Final = (
    "format",
    "name",
    "taxonomy",
    "taxonomy_version",
    "heads",
    "encoder",
    "reading",
    "calibration",
    "metrics",
    "training",
    "sources",
    "files",
)
ENCODER_KEYS: Final = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "layer_norm_eps",
    "hidden_act",
)
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
SHORTEST_WINDOW: Final = 8

_PARTS: Final = {
    "files": (TOKENIZER, GRAPH),
    "heads": ("touchpoints", "dimensions"),
    "reading": ("window", "overlap"),
    "encoder": ENCODER_KEYS,
}
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ADVICE: Final = "copy or install the model again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a comment is cut into windows, in tokens; neighbours share `overlap` of them."""

    window: int
    overlap: int


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A checked bundle.

    touchpoints ends with the general verdict; touchpoints then dimensions is the order of the graph's labels.
    encoder: the sizes (`ENCODER_KEYS`) from which training builds the network again. metrics, training and
    sources say how good the model is and what made it.
    """

    folder: Path
    name: str
    taxonomy: Taxonomy
    touchpoints: tuple[str, ...]
    dimensions: tuple[str, ...]
    encoder: Mapping[str, Any]
    reading: Reading
    calibration: Calibration
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]
    sources: Mapping[str, Any]

    @cached_property
    def identity(self) -> str:
        """`huiyin-zh-1@3f9c0a71b2de`; `load` takes it of the manifest that it read."""
        return f"{self.name}@{sha256_of(self.folder / MANIFEST)[:12]}"

    @classmethod
    def load(cls, folder: Path) -> "Bundle":
        """Read and check a bundle.

        Raises:
            BundleCorrupt: a file is missing or changed, a key is missing or unknown, a value makes no sense.
            BundleTooNew: the manifest has a newer format than this program reads.
        """
        if not folder.is_dir():
            raise BundleCorrupt(
                f"{folder} is not a folder; give the path of a bundle, a folder with {MANIFEST}"
            )
        path = folder / MANIFEST
        manifest = read_json(path, "the manifest of a model")
        _check_form(path, manifest)
        verify_files(folder, manifest["files"])
        try:
            taxonomy = Taxonomy.from_dict(manifest["taxonomy"], source=f"{path}: taxonomy")
        except TaxonomyError as error:
            raise BundleCorrupt(f"{error}; {_ADVICE}") from error
        bundle = cls(
            folder=folder,
            name=manifest["name"],
            taxonomy=taxonomy,
            touchpoints=tuple(manifest["heads"]["touchpoints"]),
            dimensions=tuple(manifest["heads"]["dimensions"]),
            encoder=manifest["encoder"],
            reading=Reading(**manifest["reading"]),
            calibration=Calibration.from_dict(manifest["calibration"], source=str(path)),
            metrics=manifest["metrics"],
            training=manifest["training"],
            sources=manifest["sources"],
        )
        _check_values(path, bundle, manifest["taxonomy_version"])
        # Taken now: a manifest that is written anew later is another model's.
        _ = bundle.identity
        return bundle

    def write_manifest(self) -> None:
        """Write `manifest.json` for the tokenizer and graph that already lie in the folder."""
        write_json_atomic(
            self.folder / MANIFEST,
            {
                "format": FORMAT,
                "name": self.name,
                "taxonomy_version": self.taxonomy.version,
                "heads": {"touchpoints": list(self.touchpoints), "dimensions": list(self.dimensions)},
                "encoder": dict(self.encoder),
                "reading": {"window": self.reading.window, "overlap": self.reading.overlap},
                "calibration": self.calibration.to_dict(),
                "metrics": dict(self.metrics),
                "training": dict(self.training),
                "sources": dict(self.sources),
                "files": {name: sha256_of(self.folder / name) for name in (TOKENIZER, GRAPH)},
                "taxonomy": self.taxonomy.to_dict(),
            },
        )


def _refused(path: Path, what: str) -> BundleCorrupt:
    return BundleCorrupt(f"{path}: {what}; {_ADVICE}")


def _check_form(path: Path, manifest: Mapping[str, Any]) -> None:
    """Format, keys and types, so that nothing below meets a value of the wrong kind."""
    found = manifest.get("format")
    if type(found) is int and found > FORMAT:
        raise BundleTooNew(
            f"{path} has format {found}; this program reads format {FORMAT}; install a newer huiyin"
        )
    if type(found) is not int or found != FORMAT:
        raise BundleCorrupt(f"{path}: format is {found!r}; it must be {FORMAT}; is this a bundle of huiyin?")
    _check_keys(path, "the manifest", manifest, KEYS)
    for part, keys in _PARTS.items():
        _check_keys(path, part, manifest[part], keys)
    _check_types(path, manifest)
    _check_encoder(path, manifest["encoder"])


def _check_types(path: Path, manifest: Mapping[str, Any]) -> None:
    if not isinstance(manifest["name"], str) or not NAME.fullmatch(manifest["name"]):
        raise _refused(path, f"the name is {_shown(manifest['name'])}; it must match {NAME.pattern}")
    for name in ("metrics", "training", "sources"):
        if not isinstance(manifest[name], dict):
            raise _refused(path, f"{name} is {_shown(manifest[name])}; it must be an object")
    for name, digest in manifest["files"].items():
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise _refused(
                path, f"files: {name} has {_shown(digest)}; it must be the 64 hex digits of a SHA-256"
            )
    for axis, labels in manifest["heads"].items():
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise _refused(path, f"heads: {axis} is {_shown(labels)}; it must be a list of ids")
    for name, value in manifest["reading"].items():
        if type(value) is not int:
            raise _refused(path, f"reading: {name} is {_shown(value)}; it must be a whole number of tokens")


def _check_keys(path: Path, what: str, found: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(found, dict):
        raise _refused(
            path, f"{what} is {_shown(found)}; it must be an object with the keys {', '.join(allowed)}"
        )
    unknown, missing = sorted(set(found) - set(allowed)), sorted(set(allowed) - set(found))
    if unknown:
        raise _refused(path, f"{what} has the unknown key {unknown[0]!r}; allowed: {', '.join(allowed)}")
    if missing:
        raise _refused(path, f"{what} lacks the key {missing[0]!r}")


def _check_encoder(path: Path, encoder: Mapping[str, Any]) -> None:
    for name, value in encoder.items():
        match name:
            case "hidden_act":
                fits, kind = isinstance(value, str), "a name"
            case "layer_norm_eps":
                fits, kind = type(value) is float and 0 < value < 1, "a number between 0 and 1"
            case _:
                fits, kind = type(value) is int and value > 0, "a whole number above 0"
        if not fits:
            raise _refused(path, f"encoder: {name} is {_shown(value)}; it must be {kind}")


def _check_values(path: Path, bundle: Bundle, version: Any) -> None:
    taxonomy, reading = bundle.taxonomy, bundle.reading
    if version != taxonomy.version:
        raise _refused(
            path, f"taxonomy_version {_shown(version)} differs from the taxonomy's {taxonomy.version!r}"
        )
    if bundle.touchpoints != (*taxonomy.touchpoint_ids, taxonomy.overall.id):
        raise _refused(path, "the touchpoints of the heads are not those of the taxonomy")
    if bundle.dimensions != taxonomy.dimension_ids:
        raise _refused(path, "the dimensions of the heads are not those of the taxonomy")
    strange = sorted(set(bundle.calibration.thresholds) - {*bundle.touchpoints, *bundle.dimensions})
    if strange:
        raise _refused(path, f"the calibration has a threshold for {strange[0]!r}, which no head answers for")
    longest = bundle.encoder["max_position_embeddings"]
    if not SHORTEST_WINDOW <= reading.window <= longest or not 0 <= reading.overlap <= reading.window // 2:
        raise _refused(
            path,
            f"a window of {reading.window} tokens overlapping by {reading.overlap}; allowed are "
            f"{SHORTEST_WINDOW} to {longest} tokens, overlapping by at most half",
        )


def _shown(value: Any) -> str:
    """A value in a message, never at its full length."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"

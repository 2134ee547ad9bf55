"""The taxonomy: typed, frozen and checked on load.

A taxonomy is data. `models/taxonomy.yaml` is the shipped one; an organisation writes its own with the same
keys and other stages, touchpoints and dimensions. Rules:

- Every label has a name and a definition in Chinese (`zh`); a missing English text (`en`) becomes the Chinese
  one on load. `not` (what belongs elsewhere), `examples` and a dimension's `source` may be left out.
- Ids are lower-case letters, digits and `_`, start with a letter and have at most 40 characters.
- Touchpoints, dimensions and emotions share one namespace; stages have their own. `overall` (the general
  verdict) and `none` are reserved.
- The emotions are fixed by the product: a taxonomy renames them, it never adds or removes one.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from models.errors import TaxonomyError
from models.taxonomy import _sections
from models.taxonomy._fields import MAX_BYTES, Field, compose, decode, represent, unknown
from models.taxonomy.entries import Dimension, Label, Language, Stage, Touchpoint

_SHIPPED: Final = Path(__file__).resolve().parent.parent / "taxonomy.yaml"
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,31}", re.ASCII)

Entry = TypeVar("Entry")


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """Every label that a model can give, in order. Made by `load`, `parse` or `from_dict`, which check it."""

    version: str
    name: str
    stages: tuple[Stage, ...]
    touchpoints: tuple[Touchpoint, ...]
    overall: Label
    dimensions: tuple[Dimension, ...]
    emotions: tuple[Label, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> "Taxonomy":
        """The taxonomy in a YAML file (UTF-8, at most 1 MB), or the shipped one. Raises TaxonomyError."""
        return _shipped() if path is None else _load(path)

    @classmethod
    def parse(cls, text: str, source: str = "taxonomy") -> "Taxonomy":
        """The taxonomy in a YAML text; messages call it `source`. Raises TaxonomyError with the line."""
        return _taxonomy(compose(text, source))

    @classmethod
    def from_dict(cls, data: object, source: str = "taxonomy") -> "Taxonomy":
        """The taxonomy that `to_dict` gave, under the same checks. Raises TaxonomyError with the path."""
        return _taxonomy(represent(data, source))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the keys of the YAML."""
        return {
            "version": self.version,
            "name": self.name,
            "stages": [stage.to_dict() for stage in self.stages],
            "touchpoints": [touchpoint.to_dict() for touchpoint in self.touchpoints],
            "overall": self.overall.to_dict(),
            "dimensions": [dimension.to_dict() for dimension in self.dimensions],
            "emotions": [emotion.to_dict() for emotion in self.emotions],
        }

    def to_yaml(self) -> str:
        """A YAML text that `parse` reads back to an equal taxonomy."""
        text: str = yaml.safe_dump(self.to_dict(), allow_unicode=True, sort_keys=False, width=110)
        return text

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON: equal exactly where two taxonomies are equal."""
        canonical = json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def touchpoint_ids(self) -> tuple[str, ...]:
        """Ids of the touchpoints, in order, without `overall`."""
        return tuple(touchpoint.id for touchpoint in self.touchpoints)

    @property
    def dimension_ids(self) -> tuple[str, ...]:
        """Ids of the dimensions, in order."""
        return tuple(dimension.id for dimension in self.dimensions)

    def touchpoint(self, touchpoint_id: str) -> Touchpoint:
        """The touchpoint with this id. Raises TaxonomyError where there is none."""
        return self._find("touchpoint", touchpoint_id, {entry.id: entry for entry in self.touchpoints})

    def dimension(self, dimension_id: str) -> Dimension:
        """The dimension with this id. Raises TaxonomyError where there is none."""
        return self._find("dimension", dimension_id, {entry.id: entry for entry in self.dimensions})

    def stage(self, stage_id: str) -> Stage:
        """The stage with this id. Raises TaxonomyError where there is none."""
        return self._find("stage", stage_id, {entry.id: entry for entry in self.stages})

    def name_of(self, label_id: str, language: Language = "zh") -> str:
        """Name of a touchpoint, dimension, emotion or `overall`. Raises TaxonomyError where there is none."""
        return self._find("label", label_id, self._labels).name.in_language(language)

    @cached_property
    def _labels(self) -> dict[str, Label]:
        labels = (*self.touchpoints, self.overall, *self.dimensions, *self.emotions)
        return {label.id: label for label in labels}

    def _find(self, what: str, entry_id: str, entries: dict[str, Entry]) -> Entry:
        if entry_id not in entries:
            raise TaxonomyError(f"{self.name} {self.version}: {unknown(what, entry_id, entries)}")
        return entries[entry_id]


@cache
def _shipped() -> Taxonomy:
    return _load(_SHIPPED)


def _load(path: Path) -> Taxonomy:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror or error}") from error
    return Taxonomy.parse(decode(raw, str(path)), str(path))


def _taxonomy(root: Field) -> Taxonomy:
    keys = ("version", "name", "stages", "touchpoints", "overall", "dimensions", "emotions")
    fields = root.members(keys)
    stages = _sections.stages(fields["stages"])
    # Emotions first: where another label takes an emotion's id, the other label is at fault.
    used: dict[str, Field] = {}
    emotions = _sections.emotions(fields["emotions"], used)
    return Taxonomy(
        version=_version(fields["version"]),
        name=fields["name"].text(_sections.MAX_NAME_CHARS),
        stages=stages,
        touchpoints=_sections.touchpoints(fields["touchpoints"], used, [stage.id for stage in stages]),
        overall=_sections.overall(fields["overall"]),
        dimensions=_sections.dimensions(fields["dimensions"], used),
        emotions=emotions,
    )


def _version(field: Field) -> str:
    version = field.text()
    if not _VERSION.fullmatch(version):
        rule = "1 to 32 letters, digits, '.', '_' or '-', a letter or digit first"
        raise field.error(f"the version '{version[:40]}' is not allowed; use {rule}")
    return version

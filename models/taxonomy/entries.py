"""The entries of a taxonomy: stages, and the labels that a comment can be tagged with."""

from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages of the product."""

    zh: str
    en: str

    def in_language(self, language: Language) -> str:
        """The text in `language`."""
        return self.zh if language == "zh" else self.en

    def to_dict(self) -> dict[str, str]:
        """Plain JSON types."""
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of the customer's journey."""

    id: str
    name: Words

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the keys of the YAML."""
        return {"id": self.id, **self.name.to_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Something that a comment can be tagged with: an emotion, or the general verdict.

    `boundary` says what belongs to another label (the YAML's `not`); `examples` are short quotes.
    """

    id: str
    name: Words
    definition: Words
    boundary: Words | None = None
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the keys of the YAML; what is not given is left out."""
        out: dict[str, Any] = {"id": self.id, **self.name.to_dict()}
        out["definition"] = self.definition.to_dict()
        if self.boundary is not None:
            out["not"] = self.boundary.to_dict()
        if self.examples:
            out["examples"] = list(self.examples)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Touchpoint(Label):
    """Where in the journey customer and organisation meet; `stage` is the id of its stage."""

    stage: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the keys of the YAML."""
        # Named bases: zero-argument super() does not work in a dataclass with slots.
        out = Label.to_dict(self)
        return {"id": out.pop("id"), "stage": self.stage, **out}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension(Label):
    """A dimension of service quality; `source` is the publication that defines it."""

    source: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with the keys of the YAML."""
        out = Label.to_dict(self)
        return out if self.source is None else {**out, "source": self.source}

"""A spaCy component: a `zh` pipeline carries our tags on Doc and Span. Needs the extra `train`.

    import spacy
    import models.spacy_pipe

    nlp = spacy.blank("zh")
    nlp.add_pipe("huiyin")  # config={"path": "runs/mine"} for a bundle of one's own
    doc = nlp("前台态度很差，等了半小时")

- `doc._.huiyin`: the `Tags`; None on a Doc that has not been through the component.
- `doc.spans["huiyin.touchpoints"]`, `doc.spans["huiyin.servqual"]`: the evidence, as spans with labels such
  as `staff:negative`, widened to whole tokens.
- `span._.huiyin`: the `LabelTag` that such a span belongs to; `span._.huiyin_confidence`: its confidence.

A Doc keeps its tags as plain JSON types in `doc.user_data["huiyin"]`, so that they survive `to_bytes`,
`to_disk` and `DocBin(store_user_data=True)`; read them back in a process that imported this module.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from models.extras import check
from models.tagger import Tagger
from models.tags import EmotionTag, Evidence, LabelTag, Tags, TagsComments

check("spacy", "train")

from spacy.language import Language
from spacy.tokens import Doc, Span

NAME: Final = "huiyin"
TOUCHPOINTS: Final = "huiyin.touchpoints"
SERVQUAL: Final = "huiyin.servqual"
BATCH: Final = 512
"""Docs that are tagged together where the caller does not say."""


class HuiyinPipe:
    """Tags Docs. `nlp.pipe` hands whole batches to the tagger, which uses every core by itself."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._load()

    def __reduce__(self) -> tuple[type["HuiyinPipe"], tuple[str | None]]:
        # A tagger holds threads and cannot be copied: a copy loads its own.
        return type(self), (self.path,)

    def __call__(self, doc: Doc) -> Doc:
        """Tag one Doc in place."""
        self._tag([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = BATCH) -> Iterator[Doc]:
        """Tag a stream of Docs in place, `batch_size` of them in one call of the tagger."""
        docs = iter(stream)
        while batch := list(islice(docs, batch_size)):
            self._tag(batch)
            yield from batch

    def _load(self) -> None:
        self._tagger: TagsComments = Tagger.load(self.path)
        self._process = os.getpid()

    def _tag(self, docs: Sequence[Doc]) -> None:
        if self._process != os.getpid():
            # A fork, as by `nlp.pipe(n_process=2)`, takes the tagger without its threads: it would hang.
            self._load()
        for doc, tags in zip(docs, self._tagger.tag([doc.text for doc in docs]), strict=True):
            doc.user_data[NAME] = tags.to_dict()
            doc.spans[TOUCHPOINTS] = _spans(doc, tags.touchpoints)
            doc.spans[SERVQUAL] = _spans(doc, tags.servqual)


@Language.factory(
    NAME,
    default_config={"path": None},
    assigns=["doc._.huiyin", "doc.spans", "span._.huiyin", "span._.huiyin_confidence"],
)
def create(nlp: Language, name: str, path: str | None) -> HuiyinPipe:
    """What `nlp.add_pipe("huiyin")` calls.

    Raises:
        BundleError: the bundle is missing, changed or of a newer format.
    """
    del nlp, name  # every factory is given them
    return HuiyinPipe(path)


def _spans(doc: Doc, tags: Iterable[LabelTag]) -> list[Span]:
    """The evidence of every tag, in the order of the text."""
    found = (
        doc.char_span(each.start, each.end, label=_label(tag), alignment_mode="expand")
        for tag in tags
        for each in (tag.evidence, *tag.more)
    )
    return sorted((span for span in found if span is not None), key=lambda span: (span.start, span.end))


def _label(tag: LabelTag) -> str:
    return f"{tag.id}:{tag.sentiment}"


def _tags_of(doc: Doc) -> Tags | None:
    kept = doc.user_data.get(NAME)
    return None if kept is None else _tags_from(kept)


def _tag_of(span: Span) -> LabelTag | None:
    """By label, since one clause often carries a touchpoint and a dimension: their offsets are the same."""
    tags = _tags_of(span.doc)
    labelled = (*tags.touchpoints, *tags.servqual) if tags else ()
    return next((tag for tag in labelled if _label(tag) == span.label_), None)


def _confidence_of(span: Span) -> float | None:
    tag = _tag_of(span)
    return None if tag is None else tag.confidence


def _tags_from(kept: Mapping[str, Any]) -> Tags:
    """The inverse of `Tags.to_dict`."""
    return Tags(
        **{
            **kept,
            "emotions": tuple(EmotionTag(**each) for each in kept["emotions"]),
            "touchpoints": tuple(map(_label_tag_from, kept["touchpoints"])),
            "servqual": tuple(map(_label_tag_from, kept["servqual"])),
        }
    )


def _label_tag_from(kept: Mapping[str, Any]) -> LabelTag:
    more = tuple(Evidence(**each) for each in kept.get("more", ()))
    return LabelTag(**{**kept, "evidence": Evidence(**kept["evidence"]), "more": more})


# With force: importing the module a second time is no error.
Doc.set_extension(NAME, getter=_tags_of, force=True)
Span.set_extension(NAME, getter=_tag_of, force=True)
Span.set_extension(f"{NAME}_confidence", getter=_confidence_of, force=True)

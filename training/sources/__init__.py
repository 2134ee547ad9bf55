"""The sources of labelled comments, one file each, and how to load them by name.

    comments = load_source("annotated", corpora, taxonomy)

No source gives the test file of a public set or of the starter corpus: what stands here may be trained on.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.errors import CorpusError
from training.sources import (
    annotated,
    asap,
    aspects_restaurant,
    chnsenticorp,
    opinions_beauty,
    polarity,
    sentiment_bank,
    smp2020,
    stars,
    starter,
    subjects_car,
    triplets_local_life,
)
from training.sources.base import Source, Split, existing

_ALL: Final = (
    annotated.SOURCE,
    starter.SOURCE,
    aspects_restaurant.SOURCE,
    asap.SOURCE,
    opinions_beauty.SOURCE,
    triplets_local_life.SOURCE,
    subjects_car.SOURCE,
    sentiment_bank.SOURCE,
    polarity.SOURCE,
    stars.SOURCE,
    smp2020.SOURCE,
    chnsenticorp.SOURCE,
)
_PACKAGE: Final = Path(__file__).resolve().parent.parent

SOURCES: Final[Mapping[str, Source]] = MappingProxyType({source.name: source for source in _ALL})


def load_source(
    name: str, corpora: Path | None, taxonomy: Taxonomy, *, split: Split = "train"
) -> list[Comment]:
    """The comments of a source, each with `source` set to `name`.

    `corpora` is the folder that holds the source's files; `starter` comes with the package and needs none.
    Raises CorpusError for an unknown name or split, a missing file, and a row that breaks the source's form.
    """
    source = SOURCES.get(name)
    if source is None:
        raise CorpusError(f"there is no source '{name}'; there are {', '.join(SOURCES)}")
    files = source.files.get(split)
    if files is None:
        raise CorpusError(f"the source '{name}' has no split '{split}'; it has {', '.join(source.files)}")
    folder = _PACKAGE if source.carried else corpora
    comments = [comment for file in files for comment in source.read(existing(folder, file, name), taxonomy)]
    return [comment if comment.source == name else replace(comment, source=name) for comment in comments]


__all__ = ["SOURCES", "Source", "Split", "load_source"]

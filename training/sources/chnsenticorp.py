"""ChnSentiCorp: hotel, laptop and book comments, positive or negative (Tan Songbo).

Licence: none stated. Labels: satisfaction. 0: 1 to 3, 1: 3 to 5: of the comments that our guideline labels
too, these sets hold nineteen in twenty, the narrower {1, 2} and {4, 5} fewer than nine in ten. Only the
train file is read; `benchmarks` gives dev and test to the scoring.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, row_id

_NAME: Final = "chnsenticorp"
_SATISFACTION: Final = {0: frozenset({1, 2, 3}), 1: frozenset({3, 4, 5})}


def _convert(row: Row, _: Taxonomy) -> Comment:
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="mixed",
        satisfaction=_SATISFACTION[row.integer("label", _SATISFACTION)],
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="ChnSentiCorp",
    licence="none stated",
    labels="satisfaction",
    files={"train": ("public/chnsenticorp_train.jsonl",)},
    read=converted(_NAME, _convert),
)

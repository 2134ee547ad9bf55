"""Posts about banks: BDCI 2021 (CCF Big Data & Computing Intelligence Contest), product reviews of banks.

Licence: none stated. Labels: satisfaction. -1: 1 to 3, 0: 2 or 3, 1: 3 to 5. The sets are the smallest that
hold nine in ten of the 705 posts which our guideline labels too; many of the 0 are mild complaints.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, row_id

_NAME: Final = "sentiment_bank"
_SATISFACTION: Final = {-1: frozenset({1, 2, 3}), 0: frozenset({2, 3}), 1: frozenset({3, 4, 5})}


def _convert(row: Row, _: Taxonomy) -> Comment:
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="bank",
        satisfaction=_SATISFACTION[row.integer("sentiment", _SATISFACTION)],
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="BDCI 2021, opinions on bank products",
    licence="none stated",
    labels="satisfaction",
    files={"train": ("public/sentiment_bank.jsonl",)},
    read=converted(_NAME, _convert),
)

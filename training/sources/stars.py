"""Comments with stars: app stores, local life (Meituan), homestays (Ctrip).

Licence: none stated. Labels: satisfaction. The stars of a page are not the satisfaction of its text: five
stars beside a complaint are common in app stores. Each kind of page therefore has its own table: the run of
two or three values that holds nine in ten of the comments which our guideline labels too; stars for which
there is none are left out.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, row_id

_NAME: Final = "stars"
_LOW: Final = frozenset({1, 2})
_LOWER: Final = frozenset({1, 2, 3})
_UPPER: Final = frozenset({3, 4, 5})
_HIGH: Final = frozenset({4, 5})
_SATISFACTION: Final = {
    "app": {1: _LOW, 2: _LOW, 3: _LOWER, 5: _UPPER},
    "local_life": {1: _LOW, 2: _LOWER, 4: _UPPER, 5: _HIGH},
    "hotel": {1: _LOW, 2: _LOW, 5: _HIGH},
}


def _convert(row: Row, _: Taxonomy) -> Comment | None:
    category = row.name("category", tuple(_SATISFACTION))
    satisfaction = _SATISFACTION[category].get(row.integer("stars", range(1, 6)))
    if satisfaction is None:
        return None
    return Comment(id=row_id(row), text=row.text(), source=_NAME, domain=category, satisfaction=satisfaction)


SOURCE: Final = Source(
    name=_NAME,
    origin="app stores, Meituan, Ctrip homestays",
    licence="none stated",
    labels="satisfaction",
    files={"train": ("public/stars.jsonl",)},
    read=converted(_NAME, _convert),
)

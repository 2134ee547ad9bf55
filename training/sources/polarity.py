"""Positive and negative comments: online_shopping_10_cats, waimai_10k and hotel reviews (ChnSentiCorp).

Licence: none stated. Labels: satisfaction. Negative: 1 or 2, positive: 4 or 5; in categories where these hold
fewer than nine in ten of the comments that our guideline labels too, 3 is admitted as well. Negative comments
on water heaters are left out: two in five of them praise.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, row_id

_NAME: Final = "polarity"
_DOMAINS: Final = {"酒店": "hotel", "外卖": "takeaway"}
_WIDER: Final = {
    0: {"书籍", "外卖", "计算机", "蒙牛"},
    1: {"书籍", "外卖", "平板", "水果", "蒙牛", "酒店"},
}
_UNRELIABLE: Final = (0, "热水器")


def _convert(row: Row, _: Taxonomy) -> Comment | None:
    label, category = row.integer("label", (0, 1)), row.text("category")
    if (label, category) == _UNRELIABLE:
        return None
    satisfaction = {4, 5} if label else {1, 2}
    if category in _WIDER[label]:
        satisfaction.add(3)
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain=_DOMAINS.get(category, f"ecommerce_{category}"),
        satisfaction=frozenset(satisfaction),
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="online_shopping_10_cats, waimai_10k, ChnSentiCorp hotel",
    licence="none stated",
    labels="satisfaction",
    files={"train": ("public/polarity.jsonl",)},
    read=converted(_NAME, _convert),
)

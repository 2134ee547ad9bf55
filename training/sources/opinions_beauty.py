"""Cosmetics comments with aspect and opinion words: Zhijiang Cup 2019, opinions in electronic commerce.

Licence: none stated. Labels: `price`, `delivery`, `packaging`, `support` and `product` from 11 of the 13
categories, with quotes (the opinion's words, with the aspect's where both stand together); and satisfaction
from 整体 (1: 4 or 5, 0: 2 to 4, -1: 1 or 2; none where a comment has several that differ). The category
价格 also holds gifts, which are `membership`, and 活动, which says nothing of the price. `product` is never
labelled absent, since 整体 often praises the goods; after an opinion of the category 其他 nothing is.
"""

import re
from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit, span_of
from training.rows import Row, shown
from training.sources.base import Source, converted, joined_span, known, row_id, sentiment_of

_NAME: Final = "opinions_beauty"
_OVERALL: Final = "整体"
_OTHER: Final = "其他"
_TOUCHPOINT_OF: Final = {
    "价格": "price",
    "物流": "delivery",
    "包装": "packaging",
    "服务": "support",
    "真伪": "product",
    "使用体验": "product",
    "功效": "product",
    "气味": "product",
    "成分": "product",
    "尺寸": "product",
    "新鲜度": "product",
}
_GIFT: Final = re.compile("赠|送|礼|小样")
_CAMPAIGN: Final = "活动"
_CATEGORIES: Final = (*_TOUCHPOINT_OF, _OVERALL, _OTHER)
_SATISFACTION: Final = {-1: frozenset({1, 2}), 0: frozenset({2, 3, 4}), 1: frozenset({4, 5})}


def _convert(row: Row, taxonomy: Taxonomy) -> Comment:
    text = row.text()
    units: list[Unit] = []
    overall: set[int] = set()
    unclear = {"product"}
    allowed = known({*_TOUCHPOINT_OF.values(), "membership"}, taxonomy)
    for opinion in row.elements("opinions"):
        if not isinstance(opinion, dict):
            raise row.error(f"'opinions' holds {shown(opinion)}; each must be an object")
        aspect, words = opinion.get("aspect") or "", opinion.get("opinion") or ""
        category = row.name_of(opinion.get("category"), "category", _CATEGORIES)
        value = row.integer_of(opinion.get("sentiment"), "sentiment", _SATISFACTION)
        if category == _OVERALL:
            overall.add(value)
        elif category == _OTHER:
            unclear |= allowed
        elif (touchpoint := _touchpoint(category, f"{aspect}{words}")) in allowed:
            start, end = _span(text, aspect, words, [(unit.start, unit.end) for unit in units])
            units.append(
                Unit(
                    start=start, end=end, touchpoint=touchpoint, dimension=None, sentiment=sentiment_of(value)
                )
            )
        else:
            unclear.add(_TOUCHPOINT_OF[category])
    present = frozenset(unit.touchpoint for unit in units if unit.touchpoint is not None)
    return Comment(
        id=row_id(row),
        text=text,
        source=_NAME,
        domain="ecommerce_beauty",
        units=tuple(units),
        touchpoints_known=present | (allowed - unclear - {"membership"}),
        satisfaction=_SATISFACTION[overall.pop()] if len(overall) == 1 else None,
    )


def _touchpoint(category: str, words: str) -> str | None:
    """The touchpoint of an opinion of a category; None where the words fit none."""
    touchpoint = _TOUCHPOINT_OF[category]
    if touchpoint != "price":
        return touchpoint
    if _GIFT.search(words):
        return "membership"
    return None if _CAMPAIGN in words else touchpoint


def _span(text: str, aspect: str, opinion: str, taken: list[tuple[int, int]]) -> tuple[int, int]:
    """Where the opinion stands, with its aspect if that is right before it; (0, 0) where neither is found."""
    first = span_of(text, aspect, taken) if aspect else None
    if not opinion:
        return first or (0, 0)
    if first is not None and (start := text.find(opinion, first[1])) >= 0:
        return joined_span(text, first, (start, start + len(opinion)))
    return span_of(text, opinion, taken) or first or (0, 0)


SOURCE: Final = Source(
    name=_NAME,
    origin="Zhijiang Cup 2019, opinions in electronic commerce",
    licence="none stated",
    labels="touchpoints (price, delivery, packaging, support, product) with quotes, satisfaction",
    files={"train": ("public/opinions_beauty.jsonl",)},
    read=converted(_NAME, _convert),
)

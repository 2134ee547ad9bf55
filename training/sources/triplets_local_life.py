"""Sentences of local-life reviews (Dianping) with aspect, opinion and sentiment: a set of ASTE triplets.

Licence: MIT. A triplet is `((aspect), (opinion), sentiment)`; positions are first and last token, both
counted in, and (-1, -1) is an aspect that is not named. Tokens are single characters but for Latin words and
numbers, whose splitting is not documented: triplets behind the first of these are not read for touchpoints.

Labels: touchpoints whose aspect word leaves no doubt (`_ENDINGS`), with quotes; which touchpoints are absent
is not labelled, since the triplets are not complete. Satisfaction where the triplets allow a set: all
positive, or neutral too: 3 to 5; all negative: 1 to 3; negative and neutral: 2 or 3; all neutral, or positive
and negative: 2 to 4. The sets hold nine in ten of 843 sentences that our guideline labels too.
"""

import ast
import re
from typing import Final

from models.tags import Sentiment
from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit
from training.errors import CorpusError
from training.rows import Row, shown
from training.sources.base import Source, converted, joined_span, known, row_id

_NAME: Final = "triplets_local_life"
_SENTIMENTS: Final[dict[str, Sentiment]] = {
    "POS": "positive",
    "Positive": "positive",
    "NEG": "negative",
    "Negative": "negative",
    "NEU": "neutral",
    "Neutral": "neutral",
}
_SATISFACTION: Final[dict[frozenset[Sentiment], frozenset[int]]] = {
    frozenset({"positive"}): frozenset({3, 4, 5}),
    frozenset({"neutral", "positive"}): frozenset({3, 4, 5}),
    frozenset({"negative"}): frozenset({1, 2, 3}),
    frozenset({"negative", "neutral"}): frozenset({2, 3}),
    frozenset({"neutral"}): frozenset({2, 3, 4}),
    frozenset({"negative", "positive"}): frozenset({2, 3, 4}),
    frozenset({"negative", "neutral", "positive"}): frozenset({2, 3, 4}),
}
_DISHES: Final = (*"肉鱼虾汤鸡鸭饭粥饼", "蛋糕", "豆腐", "沙拉", "排骨", "点心", "小吃", "甜品", "酸奶")
_ENDINGS: Final = {
    "staff": ("服务", "服务员", "服务生", "服务人员", "态度", "老板", "老板娘", "店员", "小哥", "小妹"),
    "environment": ("环境", "装修", "装潢", "装修风格", "氛围", "卫生", "卫生间", "洗手间", "灯光", "音乐"),
    "price": ("价格", "价钱", "价位", "性价比", "人均", "团购", "优惠", "折扣"),
    "location": ("地理位置", "交通", "地段", "停车", "停车场", "停车位"),
    "booking_waiting": ("上菜", "上菜速度", "出菜速度", "上餐速度", "排队", "等位"),
    "product": ("味道", "口味", "口感", "菜品", "菜量", "分量", "份量", "食材", "卖相", "摆盘", *_DISHES),
}
_TOUCHPOINT_OF: Final = {ending: touchpoint for touchpoint, words in _ENDINGS.items() for ending in words}
_LONGEST: Final = max(map(len, _TOUCHPOINT_OF))
_LATIN: Final = re.compile(r"[A-Za-z0-9]{2,}|\s")

Span = tuple[int, int]


def _convert(row: Row, taxonomy: Taxonomy) -> Comment:
    text = row.text()
    triplets = _triplets(row)
    units: list[Unit] = []
    allowed = known(_ENDINGS, taxonomy)
    latin = _LATIN.search(text)
    readable = latin.start() if latin else len(text)
    for aspect, opinion, sentiment in triplets:
        if aspect[0] < 0 or max(aspect[1], opinion[1]) > readable:
            continue
        touchpoint = _touchpoint(text[slice(*aspect)])
        if touchpoint in allowed:
            start, end = joined_span(text, aspect, opinion)
            units.append(
                Unit(start=start, end=end, touchpoint=touchpoint, dimension=None, sentiment=sentiment)
            )
    return Comment(
        id=row_id(row),
        text=text,
        source=_NAME,
        domain="local_life",
        units=tuple(units),
        touchpoints_known=frozenset(unit.touchpoint for unit in units if unit.touchpoint is not None),
        satisfaction=_SATISFACTION.get(frozenset(sentiment for _, _, sentiment in triplets)),
    )


def _touchpoint(aspect: str) -> str | None:
    """The touchpoint of the longest known ending of an aspect's words."""
    for length in range(min(_LONGEST, len(aspect)), 0, -1):
        if (touchpoint := _TOUCHPOINT_OF.get(aspect[-length:])) is not None:
            return touchpoint
    return None


def _triplets(row: Row) -> list[tuple[Span, Span, Sentiment]]:
    """Half-open spans of aspect and opinion with their sentiment."""
    raw = row.text("raw")
    try:
        found = [
            ((int(first), int(last) + 1), (int(start), int(end) + 1), str(name))
            for (first, last), (start, end), name in ast.literal_eval(raw)
        ]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise _malformed(row, raw) from error
    names = tuple(_SENTIMENTS)
    return [
        (aspect, opinion, _SENTIMENTS[row.name_of(name, "raw", names)]) for aspect, opinion, name in found
    ]


def _malformed(row: Row, raw: str) -> CorpusError:
    return row.error(f"'raw' is {shown(raw)}; it must be a list such as [((0, 1), (2, 5), 'POS')]")


SOURCE: Final = Source(
    name=_NAME,
    origin="Dianping reviews, aspect-opinion-sentiment triplets",
    licence="MIT",
    labels="touchpoints where the aspect is sure, with quotes; satisfaction",
    files={"train": ("public/triplets_local_life.jsonl",)},
    read=converted(_NAME, _convert),
)

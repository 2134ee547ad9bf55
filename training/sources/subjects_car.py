"""Posts of a car forum with subjects and sentiment: BDCI 2018, opinions on cars.

Licence: none stated. Labels: `price` from 价格 and `product` from the nine other subjects, without quotes.
Most posts are labelled 0 because they ask or state; a touchpoint whose subjects are all 0 is left unlabelled,
and `product` is never labelled absent, since a post may praise the car without naming a subject.
"""

from typing import Final

from models.tags import Sentiment
from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources.base import Source, converted, known, row_id, sentiment_of, whole_comment_units

_NAME: Final = "subjects_car"
_TOUCHPOINT_OF: Final = {
    "价格": "price",
    "动力": "product",
    "油耗": "product",
    "操控": "product",
    "配置": "product",
    "舒适性": "product",
    "安全性": "product",
    "内饰": "product",
    "外观": "product",
    "空间": "product",
}


def _convert(row: Row, taxonomy: Taxonomy) -> Comment | None:
    labels: dict[str, set[int]] = {}
    for subject, value in row.mapping("subjects").items():
        touchpoint = _TOUCHPOINT_OF[row.name_of(subject, "subjects", tuple(_TOUCHPOINT_OF))]
        labels.setdefault(touchpoint, set()).add(row.integer_of(value, subject, (-1, 0, 1)))
    clear = {touchpoint: values - {0} for touchpoint, values in labels.items() if values != {0}}
    if not clear:
        return None
    absent = {"price"} - labels.keys()
    found: list[tuple[str, Sentiment]] = [
        (touchpoint, sentiment_of(value)) for touchpoint, values in clear.items() for value in sorted(values)
    ]
    touchpoints_known = known({*clear, *absent}, taxonomy)
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="car",
        units=whole_comment_units(found, touchpoints_known),
        touchpoints_known=touchpoints_known,
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="BDCI 2018, opinions on cars",
    licence="none stated",
    labels="touchpoints (price, product)",
    files={"train": ("public/subjects_car.jsonl",)},
    read=converted(_NAME, _convert),
)

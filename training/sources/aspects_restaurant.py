"""Restaurant reviews with 20 aspects: AI Challenger 2018, fine-grained sentiment analysis of user comments.

Licence: none stated. Labels: six touchpoints (`_restaurant_aspects`), without quotes; and satisfaction from
`others_overall_experience` (1: 4 or 5, 0: 2 to 4, -1: 1 or 2). The other `others_` aspect, whether the guest
is willing to come again, is not read: where it is not mentioned, one comment in five states it all the same.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources._restaurant_aspects import restaurant_units
from training.sources.base import Source, converted, row_id

_NAME: Final = "aspects_restaurant"
_OVERALL: Final = "others_overall_experience"
_SATISFACTION: Final = {-2: None, -1: frozenset({1, 2}), 0: frozenset({2, 3, 4}), 1: frozenset({4, 5})}


def _convert(row: Row, taxonomy: Taxonomy) -> Comment:
    units, touchpoints_known = restaurant_units(row, taxonomy)
    overall = row.integer_of(row.mapping("aspects").get(_OVERALL), _OVERALL, _SATISFACTION)
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="restaurant",
        units=units,
        touchpoints_known=touchpoints_known,
        satisfaction=_SATISFACTION[overall],
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="AI Challenger 2018, fine-grained sentiment analysis of restaurant reviews",
    licence="none stated",
    labels="touchpoints (location, booking_waiting, staff, price, environment, product), satisfaction",
    files={"train": ("public/aspects_restaurant.jsonl",)},
    read=converted(_NAME, _convert),
)

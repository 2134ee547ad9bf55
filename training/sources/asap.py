"""ASAP: restaurant reviews of Meituan Dianping with 18 aspects and stars (Bu et al., NAACL 2021); a sample.

Licence: Apache-2.0. Labels: six touchpoints (`_restaurant_aspects`), without quotes; and satisfaction from
the stars (1 and 2: 1 or 2; 3: 2 to 4; 4: 3 to 5; 5: 4 or 5): the text is often milder or harsher by one.
"""

from typing import Final

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.rows import Row
from training.sources._restaurant_aspects import restaurant_units
from training.sources.base import Source, converted, row_id

_NAME: Final = "asap"
_SATISFACTION: Final = {
    1: frozenset({1, 2}),
    2: frozenset({1, 2}),
    3: frozenset({2, 3, 4}),
    4: frozenset({3, 4, 5}),
    5: frozenset({4, 5}),
}


def _convert(row: Row, taxonomy: Taxonomy) -> Comment:
    units, touchpoints_known = restaurant_units(row, taxonomy)
    return Comment(
        id=row_id(row),
        text=row.text(),
        source=_NAME,
        domain="restaurant",
        units=units,
        touchpoints_known=touchpoints_known,
        satisfaction=_SATISFACTION[row.integer("star", _SATISFACTION)],
    )


SOURCE: Final = Source(
    name=_NAME,
    origin="ASAP (Meituan Dianping), sample",
    licence="Apache-2.0",
    labels="touchpoints (location, booking_waiting, staff, price, environment, product), satisfaction",
    files={"train": ("public/asap_sample.jsonl",)},
    read=converted(_NAME, _convert),
)

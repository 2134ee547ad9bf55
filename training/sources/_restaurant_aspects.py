"""How the aspects of restaurant reviews (AI Challenger 2018, ASAP) become touchpoints.

Several aspects of one touchpoint: their sentiment where they agree, else neutral. What 0 means there was
read from 219 reviews that our guideline labels too. For dishes it is our neutral (69 of 85). For the other
touchpoints it is not: 0 alone is negative, positive, neutral or absent about as often, so the touchpoint is
left unlabelled; 0 beside 1 or -1 goes with that one (price: 29 of 35), so it is passed over.
"""

from typing import Final

from models.tags import Sentiment
from models.taxonomy import Taxonomy
from training.corpus import Unit
from training.rows import Row
from training.sources.base import known, sentiment_of, whole_comment_units

_TOUCHPOINT_OF: Final = {
    "location_traffic_convenience": "location",
    "location_traffic": "location",
    "location_distance_from_business_district": "location",
    "location_easy_to_find": "location",
    "service_wait_time": "booking_waiting",
    "service_waiters_attitude": "staff",
    "service_parking_convenience": "location",
    "service_serving_speed": "booking_waiting",
    "price_level": "price",
    "price_cost_effective": "price",
    "price_discount": "price",
    "environment_decoration": "environment",
    "environment_noise": "environment",
    "environment_space": "environment",
    "environment_cleaness": "environment",
    "dish_portion": "product",
    "dish_taste": "product",
    "dish_look": "product",
    "dish_recommendation": "product",
}
_OWN_NEUTRAL: Final = "product"
_NOT_MENTIONED: Final = -2


def restaurant_units(row: Row, taxonomy: Taxonomy) -> tuple[tuple[Unit, ...], frozenset[str]]:
    """The units of a review, without quotes, and the touchpoints that its aspects speak for."""
    aspects = row.mapping("aspects")
    labels: dict[str, set[int]] = {}
    unclear: set[str] = set()
    for aspect, touchpoint in _TOUCHPOINT_OF.items():
        label = row.integer_of(aspects.get(aspect, _NOT_MENTIONED), aspect, (_NOT_MENTIONED, -1, 0, 1))
        if label != _NOT_MENTIONED:
            labels.setdefault(touchpoint, set()).add(label)
    for touchpoint, values in labels.items():
        if touchpoint != _OWN_NEUTRAL:
            values.discard(0)
            if not values:
                unclear.add(touchpoint)
    allowed = known({*_TOUCHPOINT_OF.values()} - unclear, taxonomy)
    found: list[tuple[str, Sentiment]] = [
        (touchpoint, sentiment_of(value)) for touchpoint, values in labels.items() for value in sorted(values)
    ]
    return whole_comment_units(found, allowed), allowed

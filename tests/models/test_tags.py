"""The result types: their JSON is the contract of the command line, the service and the store."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tags import EmotionTag, Evidence, LabelTag, Sentiment, Tags, band, merged

TEXT = "前台态度很差"


@pytest.mark.parametrize(
    ("satisfaction", "sentiment"),
    [
        (1.0, "negative"),
        (2.49, "negative"),
        (2.5, "neutral"),  # the bound itself is neutral
        (3.0, "neutral"),
        (3.5, "neutral"),  # here too
        (3.51, "positive"),
        (5.0, "positive"),
    ],
)
def test_band(satisfaction: float, sentiment: Sentiment) -> None:
    assert band(satisfaction) == sentiment


@given(st.floats(1, 5), st.floats(1, 5))
def test_more_satisfied_is_never_a_lower_band(one: float, other: float) -> None:
    order = ["negative", "neutral", "positive"]
    low, high = sorted((one, other))
    assert order.index(band(low)) <= order.index(band(high))


@pytest.mark.parametrize(
    ("sentiments", "sentiment"),
    [
        ({"negative"}, "negative"),  # all units agree
        ({"positive"}, "positive"),
        ({"negative", "positive"}, "neutral"),  # mixed
        ({"negative", "neutral"}, "neutral"),
        ({"negative", "neutral", "positive"}, "neutral"),
    ],
)
def test_merged(sentiments: set[Sentiment], sentiment: Sentiment) -> None:
    assert merged(sentiments) == sentiment


def test_the_json_has_the_names_and_the_order_of_the_contract() -> None:
    quote = Evidence(0, 6, TEXT)
    tags = Tags(
        sentiment="negative",
        satisfaction=1.8,
        emotions=(EmotionTag("anger", 0.91),),
        touchpoints=(LabelTag("staff", "negative", 0.97, quote),),
        servqual=(LabelTag("assurance", "negative", 0.9, quote),),
        sentiment_confidence=0.98,
        loyalty_confidence=0.95,
        model="huiyin-zh-1@3f9c0a71b2de",
        taxonomy="2026.1",
    )
    assert json.dumps(tags.to_dict(), ensure_ascii=False) == (
        '{"sentiment": "negative", "satisfaction": 1.8, "loyalty": "none", '
        '"emotions": [{"id": "anger", "confidence": 0.91}], '
        '"touchpoints": [{"id": "staff", "sentiment": "negative", "confidence": 0.97, '
        '"evidence": {"start": 0, "end": 6, "text": "前台态度很差"}}], '
        '"servqual": [{"id": "assurance", "sentiment": "negative", "confidence": 0.9, '
        '"evidence": {"start": 0, "end": 6, "text": "前台态度很差"}}], '
        '"sentiment_confidence": 0.98, "loyalty_confidence": 0.95, "uncertain": false, "reason": null, '
        '"model": "huiyin-zh-1@3f9c0a71b2de", "taxonomy": "2026.1"}'
    )


def test_further_clauses_stand_in_the_json_only_where_there_are_any() -> None:
    best, further = Evidence(0, 2, "前台"), Evidence(2, 6, "态度很差")
    assert "more" not in LabelTag("staff", "neutral", 0.9, best).to_dict()
    assert LabelTag("staff", "neutral", 0.9, best, (further,)).to_dict()["more"] == [further.to_dict()]


def test_a_comment_without_an_opinion_has_every_field() -> None:
    found = Tags().to_dict()
    assert found == {
        "sentiment": "neutral",
        "satisfaction": 3.0,
        "loyalty": "none",
        "emotions": [],
        "touchpoints": [],
        "servqual": [],
        "sentiment_confidence": 1.0,
        "loyalty_confidence": 1.0,
        "uncertain": False,
        "reason": None,
        "model": "",
        "taxonomy": "",
    }

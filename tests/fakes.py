"""A tagger without a model: tags by key words, in no time, the same on every machine."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from models.tags import EmotionTag, Evidence, LabelTag, Reason, Sentiment, Tags, band
from models.taxonomy import Taxonomy

_TOUCHPOINTS: Final = {
    "前台": "staff",
    "店员": "staff",
    "菜": "product",
    "味道": "product",
    "价格": "price",
    "快递": "delivery",
    "等": "booking_waiting",
}
_SENTIMENTS: Final[dict[str, Sentiment]] = {
    "差": "negative",
    "慢": "negative",
    "贵": "negative",
    "好": "positive",
    "快": "positive",
}
_SATISFACTION: Final[dict[Sentiment, float]] = {"negative": 1.5, "neutral": 3.0, "positive": 4.5}


class FakeTagger:
    """Satisfies `TagsComments`, with the shipped taxonomy.

    A clause is what stands between `，` and `。`; each key word of a touchpoint makes a tag of its clause. A
    text without Chinese characters is uncertain. `batches` holds the size of every batch it was given.
    """

    identity: Final = "fake@000000000000"

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.batches: list[int] = []

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The shipped taxonomy."""
        return Taxonomy.load()

    def tag(self, texts: list[str]) -> list[Tags]:
        """Tags of each text, in order."""
        self.batches.append(len(texts))
        return [self._tags(text) for text in texts]

    def _tags(self, text: str) -> Tags:
        version = self.taxonomy.version
        if not any("一" <= character <= "龥" for character in text):
            reason: Reason = "not_chinese" if text.strip() else "empty"
            return Tags(uncertain=True, reason=reason, model=self.identity, taxonomy=version)
        touchpoints = _touchpoints(text)
        sentiment = touchpoints[0].sentiment if touchpoints else "neutral"
        satisfaction = _SATISFACTION[sentiment]
        emotion: Final = "anger" if sentiment == "negative" else "satisfaction"
        return Tags(
            sentiment=band(satisfaction),
            satisfaction=satisfaction,
            emotions=(EmotionTag(emotion, 0.9),) if touchpoints else (),
            touchpoints=touchpoints,
            servqual=tuple(
                LabelTag("assurance", tag.sentiment, tag.confidence, tag.evidence)
                for tag in touchpoints
                if tag.id == "staff"
            ),
            sentiment_confidence=0.98765,
            loyalty_confidence=0.95,
            model=self.identity,
            taxonomy=version,
        )


def _touchpoints(text: str) -> tuple[LabelTag, ...]:
    found: dict[str, LabelTag] = {}
    for start, end in _clauses(text):
        clause = text[start:end]
        for word, touchpoint in _TOUCHPOINTS.items():
            if word in clause and touchpoint not in found:
                found[touchpoint] = LabelTag(
                    touchpoint, _sentiment(clause), 0.97, Evidence(start, end, clause)
                )
    return tuple(found.values())


def _sentiment(clause: str) -> Sentiment:
    return next((sentiment for word, sentiment in _SENTIMENTS.items() if word in clause), "neutral")


def _clauses(text: str) -> Sequence[tuple[int, int]]:
    spans = []
    start = 0
    for position, character in enumerate(text + "。"):
        if character in "，。":
            if position > start:
                spans.append((start, position))
            start = position + 1
    return spans

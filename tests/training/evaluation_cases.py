"""Short ways to write labelled comments, tags and a model that gives them."""

from collections.abc import Iterable, Mapping, Sequence

from models.tags import Emotion, EmotionTag, Evidence, LabelTag, Loyalty, Sentiment, Tags, band
from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit
from training.counts import Counts, Span, count
from training.metrics import Metric, metrics, scored

TOUCHPOINTS = ("staff", "price", "product")
DIMENSIONS = ("assurance", "reliability")

Opinion = tuple[str | None, str | None, Sentiment, Span]
"""Touchpoint, dimension, sentiment and quote; (0, 0) is no quote."""


def unit(
    touchpoint: str | None, sentiment: Sentiment, quote: Span = (0, 0), dimension: str | None = None
) -> Unit:
    return Unit(start=quote[0], end=quote[1], touchpoint=touchpoint, dimension=dimension, sentiment=sentiment)


def comment(
    *units: Unit,
    text: str = "前台态度很差，价格倒是便宜",
    known: Iterable[str] = TOUCHPOINTS,
    dimensions: Iterable[str] = DIMENSIONS,
    emotion: Iterable[Emotion] | None = None,
    satisfaction: Iterable[int] | None = None,
    loyalty: Loyalty | None = None,
    domain: str = "hotel",
) -> Comment:
    return Comment(
        id="1",
        text=text,
        source="test",
        domain=domain,
        units=units,
        touchpoints_known=frozenset(known),
        dimensions_known=frozenset(dimensions),
        emotion=None if emotion is None else frozenset(emotion),
        satisfaction=None if satisfaction is None else frozenset(satisfaction),
        loyalty=loyalty,
    )


def label(
    name: str, sentiment: Sentiment, span: Span = (0, 6), confidence: float = 0.9, more: Sequence[Span] = ()
) -> LabelTag:
    return LabelTag(
        name, sentiment, confidence, Evidence(*span, ""), tuple(Evidence(*other, "") for other in more)
    )


def tags(
    *touchpoints: LabelTag,
    servqual: Sequence[LabelTag] = (),
    emotions: Mapping[Emotion, float] | None = None,
    satisfaction: float = 3.0,
    loyalty: Loyalty = "none",
    uncertain: bool = False,
    sentiment_confidence: float = 1.0,
) -> Tags:
    return Tags(
        sentiment=band(satisfaction),
        satisfaction=satisfaction,
        loyalty=loyalty,
        emotions=tuple(EmotionTag(name, confidence) for name, confidence in (emotions or {}).items()),
        touchpoints=touchpoints,
        servqual=tuple(servqual),
        sentiment_confidence=sentiment_confidence,
        uncertain=uncertain,
        reason="low_confidence" if uncertain else None,
    )


def perfect(gold: Comment) -> Tags:
    """The tags that repeat the labels of a comment; the first quote of each label is its evidence."""
    (satisfaction,) = gold.satisfaction or {3}
    emotion: Emotion = next(iter(gold.emotion or ()), "neutral")
    return tags(
        *(
            label(name, sentiment, next(iter(gold.quotes("touchpoints", name)), (0, 1)), 1.0)
            for name, sentiment in gold.labels("touchpoints").items()
            if name != "overall"
        ),
        servqual=[
            label(name, sentiment, next(iter(gold.quotes("servqual", name)), (0, 1)), 1.0)
            for name, sentiment in gold.labels("servqual").items()
        ],
        emotions={emotion: 1.0},
        satisfaction=satisfaction,
        loyalty=gold.loyalty or "none",
    )


def counted(pairs: Sequence[tuple[Comment, Tags]]) -> Counts:
    comments, answers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return count(comments, answers, touchpoints=TOUCHPOINTS, dimensions=DIMENSIONS)


def measured(pairs: Sequence[tuple[Comment, Tags]], metric: Metric) -> tuple[float, int]:
    """Value and items of one metric over all pairs."""
    total = counted(pairs).total()
    found = metrics(total, scored(total))[metric]
    return float(found.value[0]), int(found.items[0])


class FixedModel:
    """Gives each text the tags that it was made with."""

    def __init__(
        self, answers: Mapping[str, Tags], *, taxonomy: Taxonomy, identity: str = "fixed@000000000000"
    ) -> None:
        self._answers = answers
        self._taxonomy = taxonomy
        self._identity = identity

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def taxonomy(self) -> Taxonomy:
        return self._taxonomy

    def tag(self, texts: list[str]) -> list[Tags]:
        return [self._answers[text] for text in texts]

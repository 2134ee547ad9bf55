"""What the tagger says of one comment: the result types.

The JSON form of every type is what `to_dict` returns; names and order of keys are the contract that
the command line, the HTTP service and the store share.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, get_args

Sentiment = Literal["negative", "neutral", "positive"]
Loyalty = Literal["detractor", "none", "promoter"]
Reason = Literal["empty", "too_short", "not_chinese", "too_long", "low_confidence"]
Emotion = Literal[
    "joy",
    "satisfaction",
    "gratitude",
    "surprise",
    "disappointment",
    "frustration",
    "anger",
    "anxiety",
    "disgust",
    "neutral",
]

SENTIMENTS: Final[tuple[Sentiment, ...]] = get_args(Sentiment)
LOYALTIES: Final[tuple[Loyalty, ...]] = get_args(Loyalty)
EMOTIONS: Final[tuple[Emotion, ...]] = get_args(Emotion)

NEUTRAL_FROM: Final = 2.5
"""Satisfaction below this is negative."""
NEUTRAL_TO: Final = 3.5
"""Satisfaction above this is positive; from `NEUTRAL_FROM` to here, ends included, it is neutral."""


def band(satisfaction: float) -> Sentiment:
    """The sentiment of a comment is its satisfaction (1 to 5) in three bands."""
    if satisfaction < NEUTRAL_FROM:
        return "negative"
    return "neutral" if satisfaction <= NEUTRAL_TO else "positive"


def merged(sentiments: set[Sentiment]) -> Sentiment:
    """One sentiment for several units of one label: theirs if they agree, neutral (mixed) if not."""
    return next(iter(sentiments)) if len(sentiments) == 1 else "neutral"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that carry a tag: `text[start:end]` of the tagged text, in Unicode code points, half open."""

    start: int
    end: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "text": self.text}


@dataclass(frozen=True, slots=True)
class EmotionTag:
    """An emotion of the comment; `confidence` is the calibrated probability that it is the dominant one."""

    id: Emotion
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "confidence": self.confidence}


@dataclass(frozen=True, slots=True)
class LabelTag:
    """A touchpoint or SERVQUAL dimension that the comment speaks of.

    `confidence` is the calibrated probability that the label is present with this sentiment. `more` holds
    the further clauses of a mixed label and is left out of the JSON when empty.
    """

    id: str
    sentiment: Sentiment
    confidence: float
    evidence: Evidence
    more: tuple[Evidence, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {
            "id": self.id,
            "sentiment": self.sentiment,
            "confidence": self.confidence,
            "evidence": self.evidence.to_dict(),
        }
        if self.more:
            out["more"] = [span.to_dict() for span in self.more]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """All tags of one comment. Without an opinion: neutral, 3.0, none and empty lists."""

    sentiment: Sentiment = "neutral"
    satisfaction: float = 3.0
    loyalty: Loyalty = "none"
    emotions: tuple[EmotionTag, ...] = ()
    touchpoints: tuple[LabelTag, ...] = ()
    servqual: tuple[LabelTag, ...] = ()
    sentiment_confidence: float = 1.0
    loyalty_confidence: float = 1.0
    uncertain: bool = False
    reason: Reason | None = None
    model: str = field(default="")
    taxonomy: str = field(default="")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, every field present, in the contract's order."""
        return {
            "sentiment": self.sentiment,
            "satisfaction": self.satisfaction,
            "loyalty": self.loyalty,
            "emotions": [tag.to_dict() for tag in self.emotions],
            "touchpoints": [tag.to_dict() for tag in self.touchpoints],
            "servqual": [tag.to_dict() for tag in self.servqual],
            "sentiment_confidence": self.sentiment_confidence,
            "loyalty_confidence": self.loyalty_confidence,
            "uncertain": self.uncertain,
            "reason": self.reason,
            "model": self.model,
            "taxonomy": self.taxonomy,
        }


class TagsComments(Protocol):
    """What every model of huiyin can do: the neural tagger, the linear baseline, a test double."""

    @property
    def identity(self) -> str:
        """Name and first 12 hex digits of the manifest's hash: `huiyin-zh-1@3f9c0a71b2de`."""
        ...

    def tag(self, texts: list[str]) -> list[Tags]:
        """Tags of each text, in order."""
        ...

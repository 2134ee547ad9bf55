"""What a model got right and wrong in each comment, as counts that can be added up.

Every number of an evaluation is a function of sums over comments. So the comments are compared once, here,
and a bootstrap resample, a domain or a length band is only another weighted sum of the same rows:
`counts.summed(weights)` with weights of shape (groups, comments) gives the counts of each group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, LabelTag, Sentiment, Tags, band
from training.corpus import Axis, Comment

Array = NDArray[np.float64]
Span = tuple[int, int]

CALIBRATION_BINS: Final = 10
"""Equal-width bins of confidence in which stated and observed frequency are compared."""
SATISFACTIONS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisCounts:
    """Touchpoints or SERVQUAL dimensions. Leading axis: comments, or groups once summed.

    `comments` is 1 where the axis is labelled. Shape: (comments)
    `pairs` and `mentions`: hits, false alarms and misses of each label, with and without its sentiment.
    Shape: (comments, labels, 3)
    `evidence`: right tags whose label has a quote, those that overlap one, sum of character F1.
    Shape: (comments, 3)
    `calibration`: predicted tags, sum of their confidence, right ones, by bin. Shape: (comments, bins, 3)
    """

    labels: tuple[str, ...]
    comments: Array
    pairs: Array
    mentions: Array
    evidence: Array
    calibration: Array

    def summed(self, weights: Array) -> "AxisCounts":
        """Weighted sums over comments. Shape of `weights`: (groups, comments)"""
        sums = {name: weigh(weights, array) for name, array in self._arrays().items()}
        return AxisCounts(labels=self.labels, **sums)

    @staticmethod
    def stacked(parts: Sequence["AxisCounts"]) -> "AxisCounts":
        """The parts one below the other."""
        return AxisCounts(labels=parts[0].labels, **stack([part._arrays() for part in parts]))

    def _arrays(self) -> dict[str, Array]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "labels"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentCounts:
    """The heads that judge the comment as a whole. Leading axis: comments, or groups once summed.

    `emotion`: labelled comments, right ones (comments, 2). `emotions`: gold x predicted dominant emotion
    where the label admits one emotion only (comments, 10, 10).
    `sentiment`: gold x predicted (comments, 3, 3).
    `sentiment_certain`: labelled comments that are not uncertain, right ones (comments, 2).
    `satisfaction`: gold x rounded prediction (comments, 5, 5). `satisfaction_error`: labelled comments, sum
    of absolute errors (comments, 2). `loyalty`: gold x predicted (comments, 3, 3). `uncertain`: comments,
    uncertain ones (comments, 2). The calibrations are as in `AxisCounts`.
    """

    emotion: Array
    emotions: Array
    emotion_calibration: Array
    sentiment: Array
    sentiment_certain: Array
    sentiment_calibration: Array
    satisfaction: Array
    satisfaction_error: Array
    loyalty: Array
    loyalty_calibration: Array
    uncertain: Array

    def summed(self, weights: Array) -> "CommentCounts":
        """Weighted sums over comments. Shape of `weights`: (groups, comments)"""
        return CommentCounts(**{name: weigh(weights, a) for name, a in self._arrays().items()})

    @staticmethod
    def stacked(parts: Sequence["CommentCounts"]) -> "CommentCounts":
        """The parts one below the other."""
        return CommentCounts(**stack([part._arrays() for part in parts]))

    def _arrays(self) -> dict[str, Array]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All that `training.metrics` needs of one model on one set of comments."""

    touchpoints: AxisCounts
    servqual: AxisCounts
    comment: CommentCounts

    def __len__(self) -> int:
        """Comments, or groups once summed."""
        return len(self.comment.uncertain)

    def summed(self, weights: Array) -> "Counts":
        """Counts of each group of comments. Shape of `weights`: (groups, comments)"""
        return Counts(
            touchpoints=self.touchpoints.summed(weights),
            servqual=self.servqual.summed(weights),
            comment=self.comment.summed(weights),
        )

    def total(self) -> "Counts":
        """Counts of all comments together, as one group."""
        return self.summed(np.ones((1, len(self))))

    @staticmethod
    def stacked(parts: Sequence["Counts"]) -> "Counts":
        """The parts one below the other."""
        return Counts(
            touchpoints=AxisCounts.stacked([part.touchpoints for part in parts]),
            servqual=AxisCounts.stacked([part.servqual for part in parts]),
            comment=CommentCounts.stacked([part.comment for part in parts]),
        )


def weigh(weights: Array, array: Array) -> Array:
    """Sums of `array` over its first axis, one for each row of weights."""
    sums: Array = np.tensordot(weights, array, axes=1)
    return sums


def stack(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays of the same name one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def count(
    comments: Sequence[Comment],
    tags: Sequence[Tags],
    *,
    touchpoints: Sequence[str],
    dimensions: Sequence[str],
) -> Counts:
    """Compares the tags of each comment with its labels.

    `touchpoints` (without `overall`) and `dimensions` are the labels that count, in the order of the
    result. A label outside a comment's known set is left out of both sides. Raises ValueError unless there
    are as many tags as comments.
    """
    pairs = list(zip(comments, tags, strict=True))
    return Counts(
        touchpoints=_axis("touchpoints", pairs, tuple(touchpoints)),
        servqual=_axis("servqual", pairs, tuple(dimensions)),
        comment=_comment(pairs),
    )


def rounded(satisfaction: float) -> int:
    """Satisfaction as one of 1 to 5; halves go towards 3, so that it never leaves its band of sentiment."""
    whole = np.floor(satisfaction + 0.5) if satisfaction < SATISFACTIONS[2] else np.ceil(satisfaction - 0.5)
    return int(min(max(whole, SATISFACTIONS[0]), SATISFACTIONS[-1]))


def character_f1(found: Span, quote: Span) -> float:
    """F1 between the characters of two half-open spans; 0 where they share none."""
    shared = max(0, min(found[1], quote[1]) - max(found[0], quote[0]))
    return 2 * shared / (found[1] - found[0] + quote[1] - quote[0]) if shared else 0.0


def _axis(axis: Axis, pairs: Sequence[tuple[Comment, Tags]], labels: tuple[str, ...]) -> AxisCounts:
    counts = AxisCounts(
        labels=labels,
        comments=np.zeros(len(pairs)),
        pairs=np.zeros((len(pairs), len(labels), 3)),
        mentions=np.zeros((len(pairs), len(labels), 3)),
        evidence=np.zeros((len(pairs), 3)),
        calibration=np.zeros((len(pairs), CALIBRATION_BINS, 3)),
    )
    for row, (comment, tags) in enumerate(pairs):
        known = comment.touchpoints_known if axis == "touchpoints" else comment.dimensions_known
        found = {tag.id: tag for tag in (tags.touchpoints if axis == "touchpoints" else tags.servqual)}
        gold = comment.labels(axis)
        counts.comments[row] = not known.isdisjoint(labels)
        for column, label in enumerate(labels):
            if label not in known:
                continue
            tag, wanted = found.get(label), gold.get(label)
            _count_label(counts, (row, column), tag, wanted)
            if tag is not None and tag.sentiment == wanted:
                _count_evidence(counts.evidence[row], tag, comment.quotes(axis, label))
    return counts


def _count_label(
    counts: AxisCounts, cell: tuple[int, int], tag: LabelTag | None, wanted: Sentiment | None
) -> None:
    present, expected = tag is not None, wanted is not None
    right = tag is not None and tag.sentiment == wanted
    counts.pairs[cell] = right, present and not right, expected and not right
    counts.mentions[cell] = present and expected, present and not expected, expected and not present
    if tag is not None:
        _add_confidence(counts.calibration[cell[0]], tag.confidence, right=right)


def _count_evidence(row: Array, tag: LabelTag, quotes: Sequence[Span]) -> None:
    """Compares the evidence of a right tag with the quote that it fits best; adds to `row`. Shape: (3)

    Only `evidence` itself counts, not `more`: it is one clause, so it is compared with one quote.
    """
    if quotes:
        best = max(character_f1((tag.evidence.start, tag.evidence.end), quote) for quote in quotes)
        row += 1.0, best > 0, best


def _add_confidence(bins: Array, confidence: float, *, right: bool) -> None:
    """Shape of `bins`: (bins, 3), changed in place."""
    index = min(max(int(confidence * CALIBRATION_BINS), 0), CALIBRATION_BINS - 1)
    bins[index] += 1.0, confidence, right


def _comment(pairs: Sequence[tuple[Comment, Tags]]) -> CommentCounts:
    def zeros(*shape: int) -> Array:
        return np.zeros((len(pairs), *shape))

    counts = CommentCounts(
        emotion=zeros(2),
        emotions=zeros(len(EMOTIONS), len(EMOTIONS)),
        emotion_calibration=zeros(CALIBRATION_BINS, 3),
        sentiment=zeros(len(SENTIMENTS), len(SENTIMENTS)),
        sentiment_certain=zeros(2),
        sentiment_calibration=zeros(CALIBRATION_BINS, 3),
        satisfaction=zeros(len(SATISFACTIONS), len(SATISFACTIONS)),
        satisfaction_error=zeros(2),
        loyalty=zeros(len(LOYALTIES), len(LOYALTIES)),
        loyalty_calibration=zeros(CALIBRATION_BINS, 3),
        uncertain=zeros(2),
    )
    for row, (comment, tags) in enumerate(pairs):
        counts.uncertain[row] = 1, tags.uncertain
        _count_emotion(counts, row, comment, tags)
        _count_satisfaction(counts, row, comment, tags)
        if comment.loyalty is not None:
            counts.loyalty[row, LOYALTIES.index(comment.loyalty), LOYALTIES.index(tags.loyalty)] = 1
            right = tags.loyalty == comment.loyalty
            _add_confidence(counts.loyalty_calibration[row], tags.loyalty_confidence, right=right)
    return counts


def _count_emotion(counts: CommentCounts, row: int, comment: Comment, tags: Tags) -> None:
    if comment.emotion is None:
        return
    dominant = tags.emotions[0].id if tags.emotions else "neutral"
    right = dominant in comment.emotion
    counts.emotion[row] = 1, right
    if tags.emotions:
        _add_confidence(counts.emotion_calibration[row], tags.emotions[0].confidence, right=right)
    if len(comment.emotion) == 1:
        (gold,) = comment.emotion
        counts.emotions[row, EMOTIONS.index(gold), EMOTIONS.index(dominant)] = 1


def _count_satisfaction(counts: CommentCounts, row: int, comment: Comment, tags: Tags) -> None:
    """Satisfaction where the label is one value; sentiment where all its values lie in one band."""
    if comment.satisfaction is None:
        return
    bands: set[Sentiment] = {band(value) for value in comment.satisfaction}
    if len(bands) == 1:
        (gold,) = bands
        right = tags.sentiment == gold
        counts.sentiment[row, SENTIMENTS.index(gold), SENTIMENTS.index(tags.sentiment)] = 1
        counts.sentiment_certain[row] = (0, 0) if tags.uncertain else (1, right)
        _add_confidence(counts.sentiment_calibration[row], tags.sentiment_confidence, right=right)
    if len(comment.satisfaction) == 1:
        (value,) = comment.satisfaction
        predicted = SATISFACTIONS.index(rounded(tags.satisfaction))
        counts.satisfaction[row, SATISFACTIONS.index(value), predicted] = 1
        counts.satisfaction_error[row] = 1, abs(tags.satisfaction - value)

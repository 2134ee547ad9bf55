"""The numbers of an evaluation, computed from counts that are already summed.

Every function takes `Counts` with a leading axis of groups (the whole set, a domain, a bootstrap resample)
and answers for all groups at once. A number that cannot be computed (nothing to divide by) is NaN.

- Pairs: a tag is right where label and sentiment are; a right label with a wrong sentiment is a false alarm
  and a miss. Mentions ignore the sentiment. Micro-F1 adds the counts of all labels up first.
- Macro-F1: mean of the classes' F1, over those with enough gold comments in the whole set (`scored`).
- Evidence: over right tags whose label has a quote, the share that overlaps a quote, and the mean F1 between
  the characters of the evidence and of the quote that it fits best.
- Calibration error: mean over ten equal-width bins of |stated - observed frequency|, weighted by volume
  (Guo et al. 2017).
- Weighted kappa: quadratic weights on the rounded satisfaction (Cohen 1968).
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.tags import EMOTIONS, LOYALTIES
from training.counts import SATISFACTIONS, Array, AxisCounts, Counts

Metric = Literal[
    "touchpoints_pair_f1",
    "touchpoints_macro_f1",
    "touchpoints_mention_f1",
    "touchpoints_evidence_overlap",
    "touchpoints_evidence_character_f1",
    "touchpoints_calibration_error",
    "servqual_pair_f1",
    "servqual_macro_f1",
    "servqual_mention_f1",
    "servqual_evidence_overlap",
    "servqual_evidence_character_f1",
    "servqual_calibration_error",
    "emotions_accuracy",
    "emotions_macro_f1",
    "emotions_calibration_error",
    "sentiment_accuracy",
    "sentiment_accuracy_certain",
    "sentiment_calibration_error",
    "satisfaction_mean_absolute_error",
    "satisfaction_weighted_kappa",
    "loyalty_macro_f1",
    "loyalty_calibration_error",
    "uncertain_share",
]
Head = Literal["touchpoints", "servqual", "emotions", "loyalty"]

METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
HEADS: Final[tuple[Head, ...]] = get_args(Head)

MIN_GOLD: Final[dict[Head, int]] = {"touchpoints": 10, "servqual": 10, "emotions": 5, "loyalty": 5}
"""Gold comments that a class needs to count in the macro mean of its head."""

_DISAGREEMENT: Final = (np.subtract.outer(SATISFACTIONS, SATISFACTIONS) ** 2).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Scores of every class of a head. Shape of each array: (groups, classes)

    `support` counts gold comments; `mention_f1` is None for heads whose classes carry no sentiment.
    """

    classes: tuple[str, ...]
    precision: Array
    recall: Array
    f1: Array
    support: Array
    mention_f1: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric and how many items (comments or tags) it rests on. Shape of both: (groups)"""

    value: Array
    items: Array


def class_scores(counts: Counts) -> dict[Head, ClassScores]:
    """Precision, recall, F1 and support of every class of every head."""
    return {
        "touchpoints": _label_scores(counts.touchpoints),
        "servqual": _label_scores(counts.servqual),
        "emotions": _confusion_scores(EMOTIONS, counts.comment.emotions),
        "loyalty": _confusion_scores(LOYALTIES, counts.comment.loyalty),
    }


def scored(total: Counts) -> dict[Head, NDArray[np.bool_]]:
    """Which classes have enough gold comments to count in the macro mean. Shape of each: (classes)

    `total` is the whole set as one group: the choice must not vary between resamples.
    """
    return {head: scores.support[0] >= MIN_GOLD[head] for head, scores in class_scores(total).items()}


def metrics(counts: Counts, scored: dict[Head, NDArray[np.bool_]]) -> dict[Metric, Measured]:
    """Every metric of every group; `scored` names the classes of the macro means."""
    comment = counts.comment
    macro = {head: masked_mean(scores.f1, scored[head]) for head, scores in class_scores(counts).items()}
    touchpoints = _axis_metrics(counts.touchpoints)
    servqual = _axis_metrics(counts.servqual)
    sentiments = comment.sentiment.sum(axis=(1, 2))
    loyalties = comment.loyalty.sum(axis=(1, 2))
    return {
        "touchpoints_pair_f1": touchpoints["pair_f1"],
        "touchpoints_macro_f1": Measured(value=macro["touchpoints"], items=counts.touchpoints.comments),
        "touchpoints_mention_f1": touchpoints["mention_f1"],
        "touchpoints_evidence_overlap": touchpoints["evidence_overlap"],
        "touchpoints_evidence_character_f1": touchpoints["evidence_character_f1"],
        "touchpoints_calibration_error": _calibration(counts.touchpoints.calibration),
        "servqual_pair_f1": servqual["pair_f1"],
        "servqual_macro_f1": Measured(value=macro["servqual"], items=counts.servqual.comments),
        "servqual_mention_f1": servqual["mention_f1"],
        "servqual_evidence_overlap": servqual["evidence_overlap"],
        "servqual_evidence_character_f1": servqual["evidence_character_f1"],
        "servqual_calibration_error": _calibration(counts.servqual.calibration),
        "emotions_accuracy": _share(comment.emotion),
        "emotions_macro_f1": Measured(value=macro["emotions"], items=comment.emotions.sum(axis=(1, 2))),
        "emotions_calibration_error": _calibration(comment.emotion_calibration),
        "sentiment_accuracy": Measured(
            value=ratio(np.trace(comment.sentiment, axis1=1, axis2=2), sentiments), items=sentiments
        ),
        "sentiment_accuracy_certain": _share(comment.sentiment_certain),
        "sentiment_calibration_error": _calibration(comment.sentiment_calibration),
        "satisfaction_mean_absolute_error": _share(comment.satisfaction_error),
        "satisfaction_weighted_kappa": Measured(
            value=weighted_kappa(comment.satisfaction), items=comment.satisfaction.sum(axis=(1, 2))
        ),
        "loyalty_macro_f1": Measured(value=macro["loyalty"], items=loyalties),
        "loyalty_calibration_error": _calibration(comment.loyalty_calibration),
        "uncertain_share": _share(comment.uncertain),
    }


def ratio(part: Array, whole: Array) -> Array:
    """`part / whole`, NaN where `whole` is 0."""
    quotient: Array = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)
    return quotient


def masked_mean(values: Array, chosen: NDArray[np.bool_]) -> Array:
    """Mean over the chosen classes that are not NaN; NaN where there is none.

    Shape of `values`: (groups, classes), of `chosen`: (classes), of the result: (groups)
    """
    counted = chosen & ~np.isnan(values)
    return ratio(np.where(counted, values, 0.0).sum(axis=1), counted.sum(axis=1).astype(np.float64))


def weighted_kappa(confusion: Array) -> Array:
    """Quadratically weighted kappa of each 5 x 5 table. Shape: (groups, 5, 5) to (groups)"""
    rows, columns = confusion.sum(axis=2), confusion.sum(axis=1)
    observed = (confusion * _DISAGREEMENT).sum(axis=(1, 2))
    by_chance = np.einsum("gi,ij,gj->g", rows, _DISAGREEMENT, columns)
    return 1.0 - ratio(observed * rows.sum(axis=1), by_chance)


def _axis_metrics(
    counts: AxisCounts,
) -> dict[Literal["pair_f1", "mention_f1", "evidence_overlap", "evidence_character_f1"], Measured]:
    quoted, overlapping, character_f1 = np.moveaxis(counts.evidence, -1, 0)
    return {
        "pair_f1": Measured(value=_f1(counts.pairs.sum(axis=1)), items=counts.comments),
        "mention_f1": Measured(value=_f1(counts.mentions.sum(axis=1)), items=counts.comments),
        "evidence_overlap": Measured(value=ratio(overlapping, quoted), items=quoted),
        "evidence_character_f1": Measured(value=ratio(character_f1, quoted), items=quoted),
    }


def _f1(outcomes: Array) -> Array:
    """F1 from hits, false alarms and misses. Shape: (..., 3) to (...)"""
    hits, false_alarms, misses = np.moveaxis(outcomes, -1, 0)
    return ratio(2 * hits, 2 * hits + false_alarms + misses)


def _label_scores(counts: AxisCounts) -> ClassScores:
    hits, false_alarms, misses = np.moveaxis(counts.pairs, -1, 0)
    return ClassScores(
        classes=counts.labels,
        precision=ratio(hits, hits + false_alarms),
        recall=ratio(hits, hits + misses),
        f1=_f1(counts.pairs),
        support=hits + misses,
        mention_f1=_f1(counts.mentions),
    )


def _confusion_scores(classes: tuple[str, ...], confusion: Array) -> ClassScores:
    """Shape of `confusion`, gold x predicted: (groups, classes, classes)"""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    gold, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    return ClassScores(
        classes=classes,
        precision=ratio(hits, predicted),
        recall=ratio(hits, gold),
        f1=ratio(2 * hits, gold + predicted),
        support=gold,
    )


def _share(counted: Array) -> Measured:
    """Second count over the first. Shape: (groups, 2) to (groups)"""
    return Measured(value=ratio(counted[:, 1], counted[:, 0]), items=counted[:, 0])


def _calibration(bins: Array) -> Measured:
    """Expected calibration error. Shape: (groups, bins, 3) to (groups)"""
    predicted, confidence, right = np.moveaxis(bins, -1, 0)
    items = predicted.sum(axis=1)
    return Measured(value=ratio(np.abs(confidence - right).sum(axis=1), items), items=items)

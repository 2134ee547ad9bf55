"""The typed result of an evaluation: numbers with intervals, per class, per group, beside another model.

`to_dict` of each type is its JSON form; a number that could not be computed is `null`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

import numpy as np
from numpy.typing import NDArray

from training.bootstrap import RESAMPLES, SEED, interval, resampled
from training.corpus import Comment
from training.counts import Array, Counts
from training.metrics import (
    HEADS,
    METRICS,
    ClassScores,
    Head,
    Measured,
    Metric,
    class_scores,
    metrics,
    scored,
)


class Grouping(StrEnum):
    """What comments are listed by."""

    DOMAIN = "domain"
    LENGTH = "length"
    SOURCE = "source"


GROUP_METRICS: Final[tuple[Metric, ...]] = (
    "touchpoints_pair_f1",
    "servqual_pair_f1",
    "emotions_accuracy",
    "sentiment_accuracy",
)
LENGTH_BANDS: Final = ((20, "1-20"), (60, "21-60"), (150, "61-150"))
"""Longest comment of each band in code points, and its name; longer ones are `LONGEST_BAND`."""
LONGEST_BAND: Final = "over 150"

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Score:
    """A number, its 95 % interval and how many items (comments or tags) it rests on.

    `value` is None where nothing could be counted; `low` and `high` also where no interval was asked for.
    """

    value: float | None
    low: float | None
    high: float | None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One class of a head. `counted` tells whether it has enough gold comments for the macro mean.

    `mention_f1` is None for classes without a sentiment (emotions, loyalty).
    """

    id: str
    support: int
    counted: bool
    precision: float | None
    recall: float | None
    f1: Score
    mention_f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """The comments of one domain, length band or source."""

    group: str
    comments: int
    metrics: dict[Metric, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """Everything measured of one model."""

    identity: str
    metrics: dict[Metric, Score]
    classes: dict[Head, tuple[ClassScore, ...]]
    groups: dict[Grouping, tuple[GroupScore, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One model minus another on the same comments, by paired bootstrap; `classes` holds F1 by class id."""

    metrics: dict[Metric, Score]
    classes: dict[Head, dict[str, Score]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An evaluation. `difference` is `model` minus `baseline`; both are None without a baseline."""

    data: str
    comments: int
    taxonomy: str
    resamples: int
    seed: int
    model: ModelReport
    baseline: ModelReport | None = None
    difference: Comparison | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, in the order of the fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Every metric and class score, for one or more groups."""

    metrics: dict[Metric, Measured]
    classes: dict[Head, ClassScores]

    @classmethod
    def of(cls, counts: Counts, counted: dict[Head, NDArray[np.bool_]]) -> "Numbers":
        """The numbers of each group of `counts`; `counted` as `training.metrics.scored` gives it."""
        return cls(metrics(counts, counted), class_scores(counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A model's numbers over all comments (one group) and over each resample (as many groups).

    Two samples of the same comments, resamples and seed are paired.
    """

    counted: dict[Head, NDArray[np.bool_]]
    total: Numbers
    draws: Numbers

    @classmethod
    def draw(cls, counts: Counts, *, resamples: int = RESAMPLES, seed: int = SEED) -> "Sample":
        """Resamples the comments. Raises ValueError without comments or resamples."""
        counted = scored(counts.total())
        return cls(
            counted=counted,
            total=Numbers.of(counts.total(), counted),
            draws=Numbers.of(resampled(counts, resamples=resamples, seed=seed), counted),
        )


def model_report(
    identity: str, sample: Sample, groups: dict[Grouping, tuple[GroupScore, ...]] | None = None
) -> ModelReport:
    """The numbers of one model with their intervals."""
    points, draws = sample.total.metrics, sample.draws.metrics
    return ModelReport(
        identity=identity,
        metrics={
            metric: _score(points[metric].value, draws[metric].value, points[metric].items)
            for metric in METRICS
        },
        classes={
            head: _classes(sample.total.classes[head], sample.draws.classes[head], sample.counted[head])
            for head in HEADS
        },
        groups=groups or {},
    )


def compare(model: Sample, other: Sample) -> Comparison:
    """How much higher `model` scores than `other` on the same comments, for every metric and class.

    Raises ValueError where the samples are not paired: other comments, labels, resamples or seed.
    """
    if not _paired(model, other):
        raise ValueError("the two samples must be of the same comments, labels, resamples and seed")
    return Comparison(
        metrics={metric: _metric_difference(metric, model, other) for metric in METRICS},
        classes={head: _class_differences(head, model, other) for head in HEADS},
    )


def group_scores(comments: Sequence[Comment], counts: Counts, grouping: Grouping) -> tuple[GroupScore, ...]:
    """The main metrics, without intervals, of each group of comments; largest group first, bands in order."""
    names = [_group(comment, grouping) for comment in comments]
    groups = [band for band in _bands() if band in names] if grouping is Grouping.LENGTH else _by_size(names)
    if not groups:
        return ()
    members = np.array([[name == group for name in names] for group in groups], dtype=np.float64)
    found = metrics(counts.summed(members), scored(counts.total()))
    return tuple(
        GroupScore(
            group=group,
            comments=names.count(group),
            metrics={
                metric: Score(
                    _number(found[metric].value[index]), None, None, int(found[metric].items[index])
                )
                for metric in GROUP_METRICS
            },
        )
        for index, group in enumerate(groups)
    )


def length_band(text: str) -> str:
    """The band of `LENGTH_BANDS` that a comment of this many code points falls in."""
    return next((name for longest, name in LENGTH_BANDS if len(text) <= longest), LONGEST_BAND)


def _bands() -> tuple[str, ...]:
    return (*(name for _, name in LENGTH_BANDS), LONGEST_BAND)


def _by_size(names: Sequence[str]) -> list[str]:
    return sorted(set(names), key=lambda name: (-names.count(name), name))


def _group(comment: Comment, grouping: Grouping) -> str:
    match grouping:
        case Grouping.DOMAIN:
            return comment.domain
        case Grouping.LENGTH:
            return length_band(comment.text)
        case Grouping.SOURCE:
            return comment.source
    assert_never(grouping)


def _paired(model: Sample, other: Sample) -> bool:
    """The draws were of the same comments if the gold counts of every class agree in each of them."""
    mine, theirs = model.draws.classes, other.draws.classes
    return all(
        mine[head].classes == theirs[head].classes
        and np.array_equal(mine[head].support, theirs[head].support)
        for head in HEADS
    )


def _metric_difference(metric: Metric, model: Sample, other: Sample) -> Score:
    mine, theirs = model.total.metrics[metric], other.total.metrics[metric]
    drawn = model.draws.metrics[metric].value - other.draws.metrics[metric].value
    return _score(mine.value - theirs.value, drawn, np.minimum(mine.items, theirs.items))


def _class_differences(head: Head, model: Sample, other: Sample) -> dict[str, Score]:
    mine = model.total.classes[head]
    points = mine.f1 - other.total.classes[head].f1
    draws = model.draws.classes[head].f1 - other.draws.classes[head].f1
    return {
        name: _score(points[:, index], draws[:, index], mine.support[:, index])
        for index, name in enumerate(mine.classes)
    }


def _classes(points: ClassScores, draws: ClassScores, counted: NDArray[np.bool_]) -> tuple[ClassScore, ...]:
    return tuple(
        ClassScore(
            id=name,
            support=int(points.support[0, index]),
            counted=bool(counted[index]),
            precision=_number(points.precision[0, index]),
            recall=_number(points.recall[0, index]),
            f1=_score(points.f1[:, index], draws.f1[:, index], points.support[:, index]),
            mention_f1=None if points.mention_f1 is None else _number(points.mention_f1[0, index]),
        )
        for index, name in enumerate(points.classes)
    )


def _score(point: Array, draws: Array, items: Array) -> Score:
    """Shape of `point` and `items`: (1); of `draws`: (resamples)"""
    value = _number(point[0])
    bounds = None if value is None else interval(draws)
    low, high = bounds or (None, None)
    return Score(value, _rounded(low), _rounded(high), int(items[0]))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else _rounded(float(value))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)

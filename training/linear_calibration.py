"""Believable probabilities and thresholds for a linear model, from comments that it was not fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from models.baseline import Baseline, LinearScores
from models.calibration import Calibration
from models.linear import LinearModel, Outputs
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS
from training.corpus import Comment

GRID: Final = tuple(round(0.1 + 0.02 * step, 2) for step in range(36))
"""Thresholds to choose from."""
PRIOR: Final = 40.0
"""A label with so many gold comments moves half way from the axis' common threshold to its own best one."""
SHARPEST: Final = 20.0
UNKNOWN: Final = -1

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scales:
    """What the scores of each output are multiplied by, and what is added. Shape of both: (outputs,)"""

    factor: Doubles
    offset: Doubles

    def applied(self, model: LinearModel) -> LinearModel:
        """The model whose scores are scaled: scale and offset become part of its weights and bias."""
        return replace(
            model,
            weights=(model.weights * self.factor).astype(np.float32),
            bias=(model.bias * self.factor + self.offset).astype(np.float32),
        )


def calibrated(model: LinearModel, comments: Sequence[Comment]) -> tuple[Scales, Calibration]:
    """Scales for the model's scores, and thresholds for the scaled scores.

    Presence is scaled per axis by scale and offset (Platt 1999), each choice of one by a temperature (Guo et
    al. 2017), which changes no decision. An output without labelled comments stays as it is.
    """
    outputs = model.outputs
    states = _states(model, comments)
    scores = list(Baseline(model).scores([comment.text for comment in comments]))
    scales = Scales(np.ones(len(outputs)), np.zeros(len(outputs)))
    touchpoints = len(model.taxonomy.touchpoints)
    for part in (slice(0, touchpoints), slice(touchpoints, len(outputs.labels))):
        presence = np.stack([one.presence(len(outputs.labels))[part] for one in scores]).astype(np.float64)
        known = states[:, part] != UNKNOWN
        scales.factor[part], scales.offset[part] = _platt(presence[known], states[:, part][known] > 0)
    for columns, rows, gold in _choices(outputs, scores, states, comments):
        scales.factor[columns] = _sharpness(rows, gold)
    scaled = Baseline(scales.applied(model))
    probabilities = [
        scaled.probabilities(one) for one in scaled.scores([comment.text for comment in comments])
    ]
    cuts = _thresholds(np.stack(probabilities), states, touchpoints)
    return scales, Calibration(thresholds=dict(zip(outputs.labels, cuts, strict=True)))


def _states(model: LinearModel, comments: Sequence[Comment]) -> Ints:
    """Absent 0, else 1 + the place of the sentiment, or `UNKNOWN`. Shape: (comments, labels)"""
    touchpoints = len(model.taxonomy.touchpoints)
    states = np.zeros((len(comments), len(model.outputs.labels)), np.int64)
    for row, comment in enumerate(comments):
        present = comment.labels("touchpoints"), comment.labels("servqual")
        known = comment.touchpoints_known, comment.dimensions_known
        for column, label in enumerate(model.outputs.labels):
            axis = column >= touchpoints
            if label not in known[axis]:
                states[row, column] = UNKNOWN
            elif label in present[axis]:
                states[row, column] = SENTIMENTS.index(present[axis][label]) + 1
    return states


def _choices(
    outputs: Outputs, scores: Sequence[LinearScores], states: Ints, comments: Sequence[Comment]
) -> list[tuple[slice, Doubles, Ints]]:
    """Columns, scores (rows, values) and gold places (rows,) of every choice of one value."""
    labels = len(outputs.labels)
    found: list[tuple[slice, list[NDArray[np.float32]], list[int]]] = []
    row_of, label_of = np.nonzero(states > 0)
    sentiments = [one.sentiment(labels, outputs.sentiment) for one in scores]
    found.append(
        (
            outputs.sentiment,
            [sentiments[row][label] for row, label in zip(row_of, label_of, strict=True)],
            [int(states[row, label]) - 1 for row, label in zip(row_of, label_of, strict=True)],
        )
    )
    places = (
        (outputs.emotion, [[EMOTIONS.index(one) for one in comment.emotion or ()] for comment in comments]),
        (outputs.satisfaction, [[one - 1 for one in comment.satisfaction or ()] for comment in comments]),
        (outputs.loyalty, [[LOYALTIES.index(one.loyalty)] if one.loyalty else [] for one in comments]),
    )
    for columns, admitted in places:
        rows = [row for row, values in enumerate(admitted) if len(values) == 1]
        found.append(
            (columns, [scores[row].comment[columns] for row in rows], [admitted[row][0] for row in rows])
        )
    return [
        (columns, np.array(rows, np.float64), np.array(gold, np.int64))
        for columns, rows, gold in found
        if gold
    ]


def _platt(scores: Doubles, present: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and offset of log-odds. Shape of both: (examples,)"""
    if len(scores) == 0 or present.all() or not present.any():
        return 1.0, 0.0
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(scores[:, None], present)
    scale, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    # A falling scale would turn the ranking over, and the best clause with it.
    return (scale, offset) if scale > 0 else (1.0, 0.0)


def _sharpness(scores: Doubles, gold: Ints) -> float:
    """The factor of least negative log-likelihood. Shape: (rows, values), (rows,)"""

    def cost(log_factor: float) -> float:
        logs = log_softmax(scores * np.exp(log_factor), axis=1)
        return float(-logs[np.arange(len(gold)), gold].mean())

    bounds = (-np.log(SHARPEST), np.log(SHARPEST))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded").x))


def _thresholds(probabilities: NDArray[np.float32], states: Ints, touchpoints: int) -> list[float]:
    """Per label the threshold of best pair-F1, drawn towards its axis' common one where the label is rare."""
    cuts: list[float] = []
    for axis in (range(touchpoints), range(touchpoints, states.shape[1])):
        common = _best_cut(probabilities, states, list(axis))
        for label in axis:
            support = float((states[:, label] > 0).sum())
            own = _best_cut(probabilities, states, [label])
            cuts.append(round((support * own + PRIOR * common) / (support + PRIOR), 3))
    return cuts


def _best_cut(probabilities: NDArray[np.float32], states: Ints, labels: list[int]) -> float:
    chosen, gold = probabilities[:, labels], states[:, labels]
    right = (chosen[:, :, 1:].argmax(axis=-1) + 1 == gold) & (gold != UNKNOWN)

    def f1(cut: float) -> float:
        given = (1.0 - chosen[:, :, 0] >= cut) & (gold != UNKNOWN)
        return 2 * float((given & right).sum()) / max(1.0, float(given.sum() + (gold > 0).sum()))

    return max(GRID, key=f1)

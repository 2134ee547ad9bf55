"""python -m training.calibrate BUNDLE --dev dev.jsonl

Set temperatures, thresholds and the limit of belief of a bundle on held-out comments, with the very graph
that will serve. Temperature scaling: Guo et al. 2017, one number per head, so no ranking changes. Thresholds:
per label, the one with the best pair-F1, drawn towards the axis' common one where the label is rare.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from models.bundle import Bundle
from models.calibration import HEADS, Calibration
from models.decode import BANDS, Probabilities, probabilities
from models.tagger import Tagger
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Sentiment
from training.corpus import Axis, Comment, read_comments
from training.errors import TrainingError
from training.stage import run_stage

UNKNOWN: Final = -1
GRID: Final = tuple(round(0.2 + 0.02 * step, 2) for step in range(31))
PRIOR: Final = 40.0
"""A label with so many gold comments moves half way from the common threshold to its own best one."""
RIGHT_SHARE: Final = 0.95
MOST_GIVEN_UP: Final = 0.10
COLDEST, HOTTEST = 0.3, 5.0

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Gold:
    """What is annotated, as places in the arrays of probabilities; `UNKNOWN` where nothing is.

    states: absent 0, then the sentiments. Shape: (comments, labels). loyalty: Shape: (comments,).
    """

    def __init__(self, bundle: Bundle, comments: Sequence[Comment]) -> None:
        rows = []
        for comment in comments:
            row = []
            axes: tuple[tuple[Axis, tuple[str, ...], frozenset[str]], ...] = (
                ("touchpoints", bundle.touchpoints, comment.touchpoints_known),
                ("servqual", bundle.dimensions, comment.dimensions_known),
            )
            for axis, labels, known in axes:
                present = comment.labels(axis)
                row += [_state(present.get(label), known=label in known) for label in labels]
            rows.append(row)
        self.states: Ints = np.array(rows)
        self.emotion = [frozenset(map(EMOTIONS.index, comment.emotion or ())) for comment in comments]
        self.satisfaction = [
            frozenset(value - 1 for value in comment.satisfaction or ()) for comment in comments
        ]
        self.loyalty: Ints = np.array(
            [UNKNOWN if comment.loyalty is None else LOYALTIES.index(comment.loyalty) for comment in comments]
        )


def _state(sentiment: Sentiment | None, *, known: bool) -> int:
    if not known:
        return UNKNOWN
    return 0 if sentiment is None else SENTIMENTS.index(sentiment) + 1


def calibrated(tagger: Tagger, comments: Sequence[Comment]) -> Calibration:
    """The calibration of the tagger's model by labelled comments; an axis without labels keeps its default.

    Raises:
        TrainingError: there is no comment.
    """
    if not comments:
        raise TrainingError(
            "there is no comment to calibrate on; give a file of labelled comments with --dev"
        )
    bundle = tagger.bundle
    gold = Gold(bundle, comments)
    scores = tagger.scores([comment.text for comment in comments])

    def read(calibration: Calibration) -> list[Probabilities]:
        return [probabilities(one, calibration, touchpoints=len(bundle.touchpoints)) for one in scores]

    temperature = {head: _temperature(head, read, gold, len(bundle.touchpoints)) for head in HEADS}
    warm = Calibration(temperature=temperature)
    found = read(warm)
    return replace(
        warm,
        thresholds=_thresholds(bundle, np.stack([one.labels for one in found]), gold.states),
        second_emotion=_second_emotion(np.stack([one.emotion for one in found]), comments),
        believed=_believed(np.stack([one.satisfaction for one in found]), gold.satisfaction),
    )


def _temperature(
    head: str, read: Callable[[Calibration], list[Probabilities]], gold: Gold, touchpoints: int
) -> float:
    """The temperature of least negative log-likelihood; 1 where nothing is labelled."""

    def gold_at(temperature: float) -> Floats:
        warm = Calibration(temperature={**Calibration().temperature, head: temperature})
        return _gold_probability(head, read(warm), gold, touchpoints)

    def cost(log_temperature: float) -> float:
        return float(-np.log(np.maximum(gold_at(float(np.exp(log_temperature))), 1e-7)).mean())

    if not len(gold_at(1.0)):
        return 1.0
    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 0.02})
    return round(float(np.exp(found.x)), 3)


def _gold_probability(head: str, found: Sequence[Probabilities], gold: Gold, touchpoints: int) -> Floats:
    """The probability that the model gives to what is annotated."""
    match head:
        case "touchpoints" | "servqual":
            part = slice(0, touchpoints) if head == "touchpoints" else slice(touchpoints, None)
            labels, states = np.stack([one.labels for one in found])[:, part], gold.states[:, part]
            rows, places = np.nonzero(states != UNKNOWN)
            result: Floats = labels[rows, places, states[rows, places]]
            return result
        case "loyalty":
            known = np.flatnonzero(gold.loyalty != UNKNOWN).tolist()
            return np.array([found[row].loyalty[gold.loyalty[row]] for row in known], np.float32)
        case "emotion":
            pairs = zip((one.emotion for one in found), gold.emotion, strict=True)
        case _:
            pairs = zip((one.satisfaction for one in found), gold.satisfaction, strict=True)
    return np.array([values[list(admitted)].sum() for values, admitted in pairs if admitted], np.float32)


def _thresholds(bundle: Bundle, labels: Floats, states: Ints) -> dict[str, float]:
    """Per label the threshold of best pair-F1, drawn towards the axis' common one where the label is rare.

    An axis without a single gold label gets none.
    """
    names = (*bundle.touchpoints, *bundle.dimensions)
    axes = (range(len(bundle.touchpoints)), range(len(bundle.touchpoints), len(names)))
    thresholds: dict[str, float] = {}
    for axis in axes:
        if not (states[:, list(axis)] > 0).any():
            continue
        common = _best_cut(labels, states, axis)
        for label in axis:
            own = _best_cut(labels, states, [label])
            support = float((states[:, label] > 0).sum())
            weight = support / (support + PRIOR)
            thresholds[names[label]] = round(weight * own + (1 - weight) * common, 3)
    return thresholds


def _best_cut(labels: Floats, states: Ints, places: Sequence[int]) -> float:
    return max(GRID, key=lambda cut: _f1(_counts(labels, states, places, cut)))


def _counts(labels: Floats, states: Ints, places: Sequence[int], cut: float) -> tuple[int, int, int]:
    """Right pairs, given pairs and gold pairs of some labels at a threshold."""
    chosen, gold = labels[:, list(places)], states[:, list(places)]
    given = (1.0 - chosen[:, :, 0] >= cut) & (gold != UNKNOWN)
    right = given & (chosen[:, :, 1:].argmax(-1) + 1 == gold)
    return int(right.sum()), int(given.sum()), int((gold > 0).sum())


def _f1(counts: tuple[int, int, int]) -> float:
    right, given, gold = counts
    return 2 * right / max(1, given + gold)


def _second_emotion(emotions: Floats, comments: Sequence[Comment]) -> float:
    """The threshold at which second emotions have the best F1; the default where none is annotated."""
    labelled = [row for row, comment in enumerate(comments) if comment.emotion is not None]
    second = [comments[row].second_emotion for row in labelled]
    if not any(second):
        return Calibration().second_emotion
    order = np.argsort(-emotions[labelled], axis=1)
    place, value = order[:, 1], np.take_along_axis(emotions[labelled], order, axis=1)[:, 1]
    right = np.array([one is not None and EMOTIONS[at] == one for at, one in zip(place, second, strict=True)])
    gold = sum(one is not None for one in second)
    return max(
        (cut for cut in GRID if cut <= 0.5),
        key=lambda cut: _f1((int((right & (value >= cut)).sum()), int((value >= cut).sum()), gold)),
    )


def _believed(satisfaction: Floats, gold: Sequence[frozenset[int]]) -> float:
    """The lowest confidence limit that keeps `RIGHT_SHARE` right, giving up at most `MOST_GIVEN_UP`."""
    rows = [row for row, admitted in enumerate(gold) if admitted]
    if not rows:
        return Calibration().believed
    shares = np.stack([satisfaction[rows, start:end].sum(axis=1) for start, end in BANDS], axis=1)
    best, confidence = shares.argmax(axis=1), shares.max(axis=1)
    right = np.array([gold[row] <= set(range(*BANDS[band])) for row, band in zip(rows, best, strict=True)])
    # Rounded down: rounding up could give up more than is allowed, or everything.
    most = _floored(np.quantile(confidence, MOST_GIVEN_UP))
    for limit in sorted({0.0, *map(_floored, confidence[confidence <= most])}):
        if right[confidence >= limit].mean() >= RIGHT_SHARE:
            return limit
    return most


def _floored(value: Any) -> float:
    return math.floor(float(value) * 1000) / 1000


def main(
    bundle: Annotated[Path, typer.Argument(help="bundle folder; its manifest is written anew")],
    dev: Annotated[list[Path], typer.Option(help="held-out labelled comments (repeatable)")],
) -> None:
    """Calibrate a bundle; its identity changes."""
    tagger = Tagger.load(bundle)
    comments = [comment for path in dev for comment in read_comments(path, tagger.taxonomy)]
    result = calibrated(tagger, comments)
    replace(tagger.bundle, calibration=result).write_manifest()
    typer.echo(f"{bundle}: {Bundle.load(bundle).identity}, calibrated on {len(comments):,} comments")


if __name__ == "__main__":
    run_stage(main)

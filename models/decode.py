"""From the scores of a comment's windows to its tags: pure numpy, shared by tagger and calibration.

A comment longer than one window is read in several. For a label, a window in which it is absent says nothing
about the others: the label is as present as in the window that shows it best, and its sentiment is the mean
over the windows, weighted by presence; praise in one window and blame in another make it mixed, that is
neutral. Emotion and satisfaction are averaged by length. Loyalty is stated once: the window that states it
counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import DEFAULT_THRESHOLD, Calibration
from models.tags import (
    EMOTIONS,
    LOYALTIES,
    NEUTRAL_FROM,
    NEUTRAL_TO,
    SENTIMENTS,
    EmotionTag,
    Evidence,
    Loyalty,
    Sentiment,
    Tags,
)

Floats = NDArray[np.float32]
BANDS: tuple[tuple[int, int], ...] = ((0, 2), (2, 3), (3, 5))
"""Satisfaction 1-2, 3 and 4-5 as slices of the five probabilities."""
EDGE = 0.01
MIXED_SHARE = 0.2
NO_STATEMENT = LOYALTIES.index("none")


@dataclass(frozen=True, slots=True)
class Scores:
    """What the network says of one window.

    Shapes: labels (labels, 4), emotion (10,), satisfaction (5,), loyalty (3,), attention (labels, tokens).
    """

    labels: Floats
    emotion: Floats
    satisfaction: Floats
    loyalty: Floats
    attention: Floats


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Calibrated and joined over the windows.

    labels: absent, negative, neutral, positive. Shape: (labels, 4)
    emotion: Shape: (10,)
    satisfaction: Shape: (5,)
    loyalty: Shape: (3,)
    window: the one that shows each label best. Shape: (labels,)
    presence: of each label in each window. Shape: (windows, labels)
    """

    labels: Floats
    emotion: Floats
    satisfaction: Floats
    loyalty: Floats
    window: NDArray[np.int64]
    presence: Floats


def softmax(scores: Floats) -> Floats:
    """Over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return result


def probabilities(windows: Sequence[Scores], calibration: Calibration, *, touchpoints: int) -> Probabilities:
    """Calibrate and join a comment's windows; the first `touchpoints` labels are touchpoints."""
    temperature = calibration.temperature
    heat = np.full((windows[0].labels.shape[0], 1), temperature["servqual"], np.float32)
    heat[:touchpoints] = temperature["touchpoints"]
    labels = softmax(np.stack([window.labels / heat for window in windows]))
    emotion = softmax(np.stack([window.emotion for window in windows]) / temperature["emotion"])
    satisfaction = softmax(
        np.stack([window.satisfaction for window in windows]) / temperature["satisfaction"]
    )
    loyalty = softmax(np.stack([window.loyalty for window in windows]) / temperature["loyalty"])
    lengths = np.array([[window.attention.shape[-1]] for window in windows], np.float32)
    share = lengths / lengths.sum()
    return Probabilities(
        labels=labels[0] if len(windows) == 1 else _joined(labels),
        emotion=(emotion * share).sum(axis=0),
        satisfaction=(satisfaction * share).sum(axis=0),
        loyalty=loyalty[int(loyalty[:, NO_STATEMENT].argmin())],
        window=labels[:, :, 0].argmin(axis=0),
        presence=1.0 - labels[:, :, 0],
    )


def _joined(labels: Floats) -> Floats:
    """Shape: (windows, labels, 4) -> (labels, 4)."""
    present = 1.0 - labels[:, :, :1]
    best = np.maximum(present.max(axis=0), 1e-6)
    # Presence counts twice: the many windows that hardly show a label must not outvote the one that does.
    weight = np.maximum((present * present).sum(axis=0), 1e-12)
    sentiment = (labels[:, :, 1:] * present).sum(axis=0) / weight
    strongest = labels[:, :, 1:].max(axis=0) / best
    mixed = np.minimum(strongest[:, :1], strongest[:, 2:])
    sentiment = sentiment * (1.0 - mixed) + mixed * np.array([0.0, 1.0, 0.0], np.float32)
    return np.concatenate([1.0 - best, sentiment * best], axis=1).astype(np.float32)


def label_sentiments(
    labels: Floats, ids: Sequence[str], calibration: Calibration
) -> list[tuple[int, Sentiment, float]]:
    """The present labels: place, sentiment and P(present with this sentiment).

    Shape of labels: (labels, 4), `ids` in the same order.
    """
    found = []
    for place, label in enumerate(ids):
        if 1.0 - labels[place, 0] >= calibration.thresholds.get(label, DEFAULT_THRESHOLD):
            best = int(labels[place, 1:].argmax())
            found.append((place, SENTIMENTS[best], float(labels[place, 1 + best])))
    return found


def satisfaction_of(values: Floats) -> tuple[Sentiment, float, float]:
    """Sentiment, satisfaction (1 to 5) and confidence from the five probabilities.

    The band with most probability is the sentiment; the expected satisfaction is kept inside that band, so
    the two never contradict each other. Shape: (5,).
    """
    shares = [float(values[start:end].sum()) for start, end in BANDS]
    best = int(np.argmax(shares))
    expected = float(values @ np.arange(1, 6, dtype=np.float32))
    low = (1.0, NEUTRAL_FROM, NEUTRAL_TO + EDGE)[best]
    high = (NEUTRAL_FROM - EDGE, NEUTRAL_TO, 5.0)[best]
    return SENTIMENTS[best], round(min(max(expected, low), high), 2), shares[best]


def emotions_of(values: Floats, calibration: Calibration) -> tuple[EmotionTag, ...]:
    """The dominant emotion, and a second one where it is likely enough. Shape: (10,)."""
    order = np.argsort(-values, kind="stable")
    found = [EmotionTag(EMOTIONS[order[0]], _rounded(values[order[0]]))]
    second = EMOTIONS[order[1]]
    likely = values[order[1]] >= calibration.second_emotion
    if likely and "neutral" not in (found[0].id, second):
        found.append(EmotionTag(second, _rounded(values[order[1]])))
    return tuple(found)


def loyalty_of(values: Floats) -> tuple[Loyalty, float]:
    """Shape: (3,)."""
    best = int(values.argmax())
    return LOYALTIES[best], _rounded(values[best])


def clause_places(tokens: Sequence[tuple[int, int]], clauses: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Which clause each token belongs to, -1 for special tokens. Shape: (tokens,).

    tokens: code-point span of each token, empty for special ones. What stands between two clauses belongs to
    the one before it.
    """
    spans = np.array(tokens, np.int64).reshape(-1, 2)
    starts = np.array([start for start, _ in clauses], np.int64)
    places: NDArray[np.int64] = np.maximum(
        np.searchsorted(starts, spans.sum(axis=1) / 2, side="right") - 1, 0
    )
    places[spans[:, 0] >= spans[:, 1]] = -1
    return places


def evidence_of(
    weights: Floats,
    places: NDArray[np.int64],
    clauses: Sequence[tuple[int, int]],
    text: str,
    *,
    mixed: bool,
) -> tuple[Evidence, tuple[Evidence, ...]]:
    """The clause that holds most of the attention, and for a mixed label the further ones that hold much.

    weights: attention by token. places: `clause_places` of the same tokens.
    """
    real = places >= 0
    first = int(places[real].min()) if real.any() else 0
    # Only the window's own clauses: a long comment has thousands.
    held = np.bincount(places[real] - first, weights[real], minlength=1)
    chosen = [int(held.argmax())]
    if mixed:
        order = np.argsort(-held, kind="stable").tolist()
        chosen += [place for place in order if place != chosen[0] and held[place] >= MIXED_SHARE]
    found = [_quoted(text, clauses[first + place]) for place in chosen]
    return found[0], tuple(found[1:])


def _quoted(text: str, span: tuple[int, int]) -> Evidence:
    return Evidence(*span, text[slice(*span)])


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def without_opinion(tags: Tags) -> bool:
    """Whether nothing in the tags is an opinion."""
    return not tags.touchpoints and not tags.servqual and tags.sentiment == "neutral"

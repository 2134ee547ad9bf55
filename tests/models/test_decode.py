"""From scores to tags, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from models.calibration import HEADS, Calibration
from models.decode import (
    Floats,
    Probabilities,
    Scores,
    clause_places,
    emotions_of,
    evidence_of,
    label_sentiments,
    loyalty_of,
    probabilities,
    satisfaction_of,
    softmax,
    without_opinion,
)
from models.tags import EMOTIONS, EmotionTag, Evidence, LabelTag, Sentiment, Tags, band

FOUR = ("absent", "negative", "neutral", "positive")


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def logits(*shares: float) -> Floats:
    """Scores whose softmax is these shares."""
    return np.log(np.array(shares, np.float64)).astype(np.float32)


def window(*labels: tuple[float, float, float, float], tokens: int = 10, **heads: Floats) -> Scores:
    """Scores of a window by the shares (absent, negative, neutral, positive) of its labels."""
    return Scores(
        labels=np.stack([logits(*shares) for shares in labels]),
        emotion=heads.get("emotion", np.zeros(10, np.float32)),
        satisfaction=heads.get("satisfaction", np.zeros(5, np.float32)),
        loyalty=heads.get("loyalty", np.zeros(3, np.float32)),
        attention=np.full((len(labels), tokens), 1 / tokens, np.float32),
    )


def joined(*windows: Scores, **temperature: float) -> Probabilities:
    warm = Calibration(temperature={**dict.fromkeys(HEADS, 1.0), **temperature})
    return probabilities(windows, warm, touchpoints=1)


def test_softmax_by_hand() -> None:
    expected = [1 / (1 + math.e), math.e / (1 + math.e)]
    assert softmax(floats(0, 1)) == pytest.approx(expected, abs=1e-6)


def test_softmax_of_huge_scores_is_finite() -> None:
    assert softmax(floats(1e30, -1e30)).tolist() == [1.0, 0.0]


def test_a_single_window_is_read_as_it_is() -> None:
    shares = (0.1, 0.6, 0.1, 0.2)
    found = joined(window(shares, emotion=logits(*[0.55] + [0.05] * 9)))
    assert found.labels[0] == pytest.approx(shares, abs=1e-6)
    assert found.emotion[0] == pytest.approx(0.55, abs=1e-6)
    assert found.presence[0] == pytest.approx([0.9], abs=1e-6)


def test_a_temperature_of_two_takes_the_square_root_of_the_odds() -> None:
    one = window((0.8, 0.2, 1e-30, 1e-30), satisfaction=logits(0.9, 0.1, 1e-30, 1e-30, 1e-30))
    found = joined(one, touchpoints=2.0, satisfaction=2.0)
    assert found.labels[0, 1] / found.labels[0, 0] == pytest.approx(math.sqrt(0.25), rel=1e-4)
    assert found.satisfaction[1] / found.satisfaction[0] == pytest.approx(1 / 3, rel=1e-4)


def test_touchpoints_and_dimensions_have_their_own_temperature() -> None:
    shares = (0.8, 0.2, 1e-30, 1e-30)
    found = joined(window(shares, shares), touchpoints=2.0)
    assert found.labels[0, 1] == pytest.approx(1 / 3, rel=1e-4)
    assert found.labels[1, 1] == pytest.approx(0.2, rel=1e-4)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        # absent everywhere stays absent
        ([(0.9, 0.05, 0.03, 0.02)] * 3, "absent"),
        # a window that does not speak of the label says nothing about it
        ([(0.02, 0.94, 0.02, 0.02), (0.97, 0.01, 0.01, 0.01)], "negative"),
        ([(0.97, 0.01, 0.01, 0.01), (0.02, 0.02, 0.02, 0.94)], "positive"),
        # nor do three hundred of them
        ([(0.97, 0.01, 0.01, 0.01)] * 300 + [(0.02, 0.94, 0.02, 0.02)], "negative"),
        # agreement
        ([(0.02, 0.02, 0.02, 0.94)] * 4, "positive"),
        ([(0.02, 0.02, 0.94, 0.02)] * 4, "neutral"),
        # praise in one window and blame in another are mixed
        ([(0.02, 0.94, 0.02, 0.02), (0.02, 0.02, 0.02, 0.94)], "neutral"),
        # one word of praise among nine of blame is mixed as well
        ([(0.02, 0.94, 0.02, 0.02)] * 9 + [(0.02, 0.02, 0.02, 0.94)], "neutral"),
    ],
)
def test_windows_of_one_label(windows: list[tuple[float, float, float, float]], expected: str) -> None:
    found = joined(*[window(shares) for shares in windows]).labels[0]
    assert FOUR[int(found.argmax())] == expected
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_two_windows_by_hand() -> None:
    found = joined(window((0.2, 0.8, 1e-9, 1e-9)), window((0.5, 1e-9, 1e-9, 0.5)))
    # Weights 0.8 and 0.5: the mean is (0.8 * 0.8, 0, 0.5 * 0.5) / (0.64 + 0.25), opposed is 0.5 / 0.8.
    mean, mixed = np.array([0.64, 0.0, 0.25]) / 0.89, 0.5 / 0.8
    sentiment = mean * (1 - mixed) + mixed * np.array([0, 1, 0])
    assert found.labels[0] == pytest.approx([0.2, *(0.8 * sentiment)], abs=1e-4)
    assert found.window.tolist() == [0]


@given(np_st.arrays(np.float32, (5, 3, 4), elements=st.floats(-30, 30, width=32)))
def test_joined_labels_are_probabilities(labels: Floats) -> None:
    rest = np.zeros(10, np.float32), np.zeros(5, np.float32), np.zeros(3, np.float32)
    scores = [Scores(one, *rest, np.zeros((3, 8), np.float32)) for one in labels]
    found = probabilities(scores, Calibration(), touchpoints=2).labels
    assert np.isfinite(found).all()
    assert (found >= -1e-6).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-4)


def test_emotion_and_satisfaction_are_averaged_by_length() -> None:
    nine, one = [0.91] + [0.01] * 9, [0.01] * 9 + [0.91]
    found = joined(
        window(
            (1, 1, 1, 1), tokens=30, emotion=logits(*nine), satisfaction=logits(0.96, 0.01, 0.01, 0.01, 0.01)
        ),
        window(
            (1, 1, 1, 1), tokens=10, emotion=logits(*one), satisfaction=logits(0.01, 0.01, 0.01, 0.01, 0.96)
        ),
    )
    assert found.emotion[[0, -1]] == pytest.approx(
        [0.75 * 0.91 + 0.25 * 0.01, 0.75 * 0.01 + 0.25 * 0.91], abs=1e-4
    )
    assert found.satisfaction[0] == pytest.approx(0.75 * 0.96 + 0.25 * 0.01, abs=1e-4)


def test_loyalty_is_that_of_the_window_which_states_it() -> None:
    quiet, loyal = logits(0.01, 0.98, 0.01), logits(0.01, 0.09, 0.9)
    windows = [window((1, 1, 1, 1), loyalty=one) for one in (quiet, loyal, quiet)]
    loyalty, confidence = loyalty_of(joined(*windows).loyalty)
    assert loyalty == "promoter"
    assert confidence == pytest.approx(0.9, abs=1e-4)


def test_labels_are_present_from_their_threshold() -> None:
    labels = np.stack(
        [floats(0.625, 0.1, 0.075, 0.2), floats(0.625, 0.3, 0.05, 0.025), floats(0.5, 0, 0.5, 0)]
    )
    calibration = Calibration(thresholds={"staff": 0.375, "price": 0.376})
    found = label_sentiments(labels, ("staff", "price", "other"), calibration)
    # 0.375 reaches 0.375 but not 0.376; without a threshold it is one half.
    assert [(place, sentiment) for place, sentiment, _ in found] == [(0, "positive"), (2, "neutral")]
    assert found[0][2] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("shares", "sentiment", "satisfaction", "confidence"),
    [
        ((1, 0, 0, 0, 0), "negative", 1.0, 1.0),
        ((0, 0, 0, 0, 1), "positive", 5.0, 1.0),
        ((0.5, 0.4, 0.1, 0, 0), "negative", 1.6, 0.9),
        ((0, 0, 1, 0, 0), "neutral", 3.0, 1.0),
        ((0, 0.1, 0.7, 0.2, 0), "neutral", 3.1, 0.7),
        # The bands decide and the mean follows them: 2.6 would be neutral, though negative has most.
        ((0.6, 0, 0, 0, 0.4), "negative", 2.49, 0.6),
        ((0.4, 0, 0, 0.6, 0), "positive", 3.51, 0.6),
        ((0.3, 0, 0.4, 0, 0.3), "neutral", 3.0, 0.4),
        ((0.35, 0, 0.4, 0.25, 0), "neutral", 2.55, 0.4),
        ((0.39, 0, 0.41, 0.2, 0), "neutral", 2.5, 0.41),  # 2.42 by the mean
    ],
)
def test_satisfaction(
    shares: tuple[float, ...], sentiment: Sentiment, satisfaction: float, confidence: float
) -> None:
    found = satisfaction_of(floats(*shares))
    assert found[0] == sentiment
    assert found[1:] == pytest.approx((satisfaction, confidence), abs=1e-6)


@given(np_st.arrays(np.float32, 5, elements=st.floats(-20, 20, width=32)))
def test_satisfaction_never_contradicts_the_sentiment(scores: Floats) -> None:
    sentiment, satisfaction, confidence = satisfaction_of(softmax(scores))
    assert band(satisfaction) == sentiment
    assert 1 <= satisfaction <= 5
    assert 1 / 3 - 1e-6 <= confidence <= 1 + 1e-6


def emotion_shares(**shares: float) -> Floats:
    rest = (1 - sum(shares.values())) / (len(EMOTIONS) - len(shares))
    return floats(*(shares.get(emotion, rest) for emotion in EMOTIONS))


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"anger": 0.9}, ["anger"]),
        ({"anger": 0.5, "disgust": 0.31}, ["anger", "disgust"]),
        ({"disgust": 0.31, "anger": 0.5}, ["anger", "disgust"]),  # the dominant one first
        ({"anger": 0.5, "disgust": 0.29}, ["anger"]),  # below the threshold of 0.3
        ({"joy": 0.34, "anger": 0.33, "disgust": 0.32}, ["joy", "anger"]),  # never three
        ({"neutral": 0.5, "joy": 0.4}, ["neutral"]),  # calm and joyful at once makes no sense
        ({"joy": 0.5, "neutral": 0.4}, ["joy"]),
    ],
)
def test_emotions(shares: dict[str, float], expected: list[str]) -> None:
    found = emotions_of(emotion_shares(**shares), Calibration(second_emotion=0.3))
    assert [tag.id for tag in found] == expected
    assert [tag.confidence for tag in found] == pytest.approx([shares[tag.id] for tag in found], abs=1e-4)


@given(np_st.arrays(np.float32, 10, elements=st.floats(-9, 9, width=32)), st.floats(0, 1))
def test_at_most_two_emotions(scores: Floats, second: float) -> None:
    found = emotions_of(softmax(scores), Calibration(second_emotion=second))
    assert len(found) in (1, 2)
    assert len({tag.id for tag in found}) == len(found)
    assert found[0].confidence >= found[-1].confidence


TEXT = "前台态度很差，菜很甜。价格贵"
CLAUSES = [(0, 6), (7, 10), (11, 14)]
TOKENS = [(0, 0), (0, 2), (2, 6), (6, 7), (7, 8), (8, 10), (10, 11), (11, 14), (0, 0)]


def test_tokens_between_clauses_belong_to_the_one_before() -> None:
    assert clause_places(TOKENS, CLAUSES).tolist() == [-1, 0, 0, 0, 1, 1, 1, 2, -1]


def test_tokens_before_the_first_clause_belong_to_it() -> None:
    assert clause_places([(0, 1), (1, 2), (3, 5)], [(2, 3), (3, 5)]).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("weights", "mixed", "expected"),
    [
        # the clause, not the token, with most attention
        ((0, 0.3, 0.3, 0, 0, 0, 0, 0.4, 0), False, [(0, 6)]),
        ((0, 0.1, 0.1, 0, 0.3, 0.3, 0, 0.2, 0), False, [(7, 10)]),
        # attention at the special tokens is no evidence
        ((0.9, 0, 0, 0, 0, 0, 0, 0.1, 0), False, [(11, 14)]),
        # further clauses for a mixed label only, strongest first, from a fifth of the attention
        ((0, 0.3, 0, 0, 0.5, 0, 0, 0.2, 0), False, [(7, 10)]),
        ((0, 0.3, 0, 0, 0.5, 0, 0, 0.2, 0), True, [(7, 10), (0, 6), (11, 14)]),
        ((0, 0.3, 0, 0, 0.52, 0, 0, 0.18, 0), True, [(7, 10), (0, 6)]),
        ((0, 1, 0, 0, 0, 0, 0, 0, 0), True, [(0, 6)]),
        # no attention anywhere: the first clause
        ((1, 0, 0, 0, 0, 0, 0, 0, 0), False, [(0, 6)]),
    ],
)
def test_evidence(weights: tuple[float, ...], mixed: bool, expected: list[tuple[int, int]]) -> None:
    best, more = evidence_of(floats(*weights), clause_places(TOKENS, CLAUSES), CLAUSES, TEXT, mixed=mixed)
    assert [best, *more] == [Evidence(start, end, TEXT[start:end]) for start, end in expected]


def test_a_window_without_attention_shows_its_own_first_clause() -> None:
    places = clause_places([(0, 0), (7, 8), (11, 14), (0, 0)], CLAUSES)
    assert evidence_of(floats(1, 0, 0, 0), places, CLAUSES, TEXT, mixed=False)[0].text == "菜很甜"


def test_without_tokens_the_first_clause_is_shown() -> None:
    assert evidence_of(floats(1, 0), clause_places([(0, 0)] * 2, CLAUSES), CLAUSES, TEXT, mixed=True) == (
        Evidence(0, 6, "前台态度很差"),
        (),
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (Tags(), True),
        (Tags(emotions=(EmotionTag("neutral", 0.9),)), True),
        (Tags(sentiment="positive", satisfaction=4.0), False),
        (Tags(touchpoints=(LabelTag("staff", "neutral", 0.9, Evidence(0, 1, "前")),)), False),
        (Tags(servqual=(LabelTag("empathy", "neutral", 0.9, Evidence(0, 1, "前")),)), False),
    ],
)
def test_without_opinion(tags: Tags, expected: bool) -> None:
    assert without_opinion(tags) is expected

"""What calibration finds on scores whose right reading is known."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.bundle import Bundle
from models.calibration import HEADS, Calibration
from models.decode import BANDS, Scores, satisfaction_of, softmax
from models.tagger import Tagger
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Emotion, Sentiment
from tests import small_model
from training.calibrate import MOST_GIVEN_UP, RIGHT_SHARE, calibrated, main
from training.corpus import Comment, Unit
from training.errors import TrainingError

Floats = NDArray[np.float32]


class Scored(Tagger):
    """A tagger that has its scores from the test; only what calibration asks of a tagger."""

    def __init__(self, bundle: Bundle, scores: Sequence[Scores]) -> None:
        self.bundle = bundle
        self._given = scores

    def scores(self, texts: Sequence[str]) -> list[list[Scores]]:
        assert len(texts) == len(self._given)
        return [[one] for one in self._given]


@pytest.fixture(scope="module")
def bundle(small_bundle: Path) -> Bundle:
    return Bundle.load(small_bundle)


def names(bundle: Bundle) -> tuple[str, ...]:
    return (*bundle.touchpoints, *bundle.dimensions)


def scores_of(
    bundle: Bundle,
    labels: Floats | None = None,
    *,
    emotion: Floats | None = None,
    satisfaction: Floats | None = None,
    loyalty: Floats | None = None,
) -> Scores:
    """Scores of one comment; without scores a head finds everything alike."""
    count = len(names(bundle))
    return Scores(
        labels=np.zeros((count, 4), np.float32) if labels is None else labels,
        emotion=np.zeros(10, np.float32) if emotion is None else emotion,
        satisfaction=np.zeros(5, np.float32) if satisfaction is None else satisfaction,
        loyalty=np.zeros(3, np.float32) if loyalty is None else loyalty,
        attention=np.full((count, 4), 0.25, np.float32),
    )


def comment(
    bundle: Bundle,
    states: Sequence[int] | None = None,
    *,
    emotion: Emotion | None = None,
    second: Emotion | None = None,
    satisfaction: int | None = None,
    loyalty: int | None = None,
) -> Comment:
    """A comment whose labels have these states (0 absent, then the sentiments); None is unlabelled."""
    units = []
    for place, state in enumerate(states or ()):
        is_touchpoint, label = place < len(bundle.touchpoints), names(bundle)[place]
        if state:
            sentiment: Sentiment = SENTIMENTS[state - 1]
            unit = Unit(
                start=0,
                end=0,
                touchpoint=label if is_touchpoint else None,
                dimension=None if is_touchpoint else label,
                sentiment=sentiment,
            )
            units.append(unit)
    known = states is not None
    return Comment(
        id="1",
        text="前台态度很差",
        source="test",
        domain="",
        units=tuple(units),
        touchpoints_known=frozenset(bundle.touchpoints if known else ()),
        dimensions_known=frozenset(bundle.dimensions if known else ()),
        emotion=None if emotion is None else frozenset({emotion}),
        second_emotion=second,
        satisfaction=None if satisfaction is None else frozenset({satisfaction}),
        loyalty=None if loyalty is None else LOYALTIES[loyalty],
    )


def drawn(random: np.random.Generator, logits: Floats) -> int:
    return int(random.choice(len(logits), p=softmax(logits.astype(np.float64)).astype(np.float64)))


@pytest.mark.parametrize("excess", [0.5, 1.0, 3.0])
def test_scores_that_are_too_sure_are_cooled_and_too_shy_ones_heated(bundle: Bundle, excess: float) -> None:
    random = np.random.default_rng(7)
    scores, comments = [], []
    for _ in range(120):
        labels, emotion, satisfaction, loyalty = (
            random.normal(scale=1.5, size=size).astype(np.float32)
            for size in ((len(names(bundle)), 4), 10, 5, 3)
        )
        scores.append(
            scores_of(
                bundle,
                excess * labels,
                emotion=excess * emotion,
                satisfaction=excess * satisfaction,
                loyalty=excess * loyalty,
            )
        )
        comments.append(
            comment(
                bundle,
                [drawn(random, one) for one in labels],
                emotion=EMOTIONS[drawn(random, emotion)],
                satisfaction=1 + drawn(random, satisfaction),
                loyalty=drawn(random, loyalty),
            )
        )
    found = calibrated(Scored(bundle, scores), comments).temperature
    assert found == pytest.approx(dict.fromkeys(HEADS, excess), rel=0.25)


def one_label(bundle: Bundle, place: int, present: float, sentiment: int = 1) -> Floats:
    """Scores by which a label is present with this probability, and every other is not."""
    labels = np.tile(np.array([20, 0, 0, 0], np.float32), (len(names(bundle)), 1))
    shares = np.full(4, 1e-9)
    shares[0], shares[sentiment] = 1 - present, present
    labels[place] = np.log(shares)
    return labels


def test_the_threshold_of_a_frequent_label_moves_between_right_and_wrong(bundle: Bundle) -> None:
    staff = bundle.touchpoints.index("staff")
    states = [0] * len(names(bundle))
    with_staff = [*states[:staff], 1, *states[staff + 1 :]]
    # Wrong at 0.68 and right at 0.74, so often that the label's own threshold outweighs the common one.
    scores, comments = [], []
    for present, gold in ((0.68, states), (0.74, with_staff)) * 100:
        scores.append(scores_of(bundle, one_label(bundle, staff, present)))
        comments.append(comment(bundle, gold))
    calibration = calibrated(Scored(bundle, scores), comments)
    warm = calibration.temperature["touchpoints"]
    low, high = (1 / (1 + ((1 - present) / present) ** (1 / warm)) for present in (0.68, 0.74))
    assert low < calibration.thresholds["staff"] <= high + 0.02


def test_a_sentiment_that_is_wrong_does_not_count_as_found(bundle: Bundle) -> None:
    staff = bundle.touchpoints.index("staff")
    states = [0] * len(names(bundle))
    negative = [*states[:staff], 1, *states[staff + 1 :]]
    # Below 0.6 the sentiment is always the wrong one: nothing is won by going so low.
    scores, comments = [], []
    for present, sentiment in ((0.5, 3), (0.9, 1)) * 80:
        scores.append(scores_of(bundle, one_label(bundle, staff, present, sentiment)))
        comments.append(comment(bundle, negative))
    thresholds = calibrated(Scored(bundle, scores), comments).thresholds
    assert thresholds["staff"] > 0.5


def test_a_rare_label_stays_near_the_common_threshold(bundle: Bundle) -> None:
    staff, price = (bundle.touchpoints.index(label) for label in ("staff", "price"))
    states = [0] * len(names(bundle))

    def gold(place: int) -> list[int]:
        return [*states[:place], 1, *states[place + 1 :]]

    scores, comments = [], []
    for place, present, states_of in [
        *[(staff, 0.35, states), (staff, 0.45, gold(staff))] * 80,
        (price, 0.78, states),  # one comment each way: price alone would ask for 0.8
        (price, 0.82, gold(price)),
    ]:
        scores.append(scores_of(bundle, one_label(bundle, place, present)))
        comments.append(comment(bundle, states_of))
    thresholds = calibrated(Scored(bundle, scores), comments).thresholds
    assert abs(thresholds["price"] - thresholds["staff"]) < 0.05


def test_an_axis_without_labels_keeps_its_default(bundle: Bundle) -> None:
    random = np.random.default_rng(3)
    scores = [
        scores_of(bundle, random.normal(size=(len(names(bundle)), 4)).astype(np.float32), emotion=one)
        for one in random.normal(size=(40, 10)).astype(np.float32)
    ]
    found = calibrated(Scored(bundle, scores), [comment(bundle, loyalty=place % 3) for place in range(40)])
    assert {head: value for head, value in found.temperature.items() if head != "loyalty"} == {
        head: 1.0 for head in HEADS if head != "loyalty"
    }
    assert found.thresholds == {}
    assert (found.second_emotion, found.believed) == (Calibration().second_emotion, Calibration().believed)


def test_the_second_emotion_is_given_where_it_pays(bundle: Bundle) -> None:
    def emotion(second: float) -> Floats:
        shares = np.full(10, (1 - 0.5 - second) / 8)
        shares[EMOTIONS.index("anger")], shares[EMOTIONS.index("disgust")] = 0.5, second
        logits: Floats = np.log(shares).astype(np.float32)
        return logits

    scores = [scores_of(bundle, emotion=emotion(second)) for second in (0.22, 0.42) * 30]
    comments = [comment(bundle, emotion="anger", second=second) for second in (None, "disgust") * 30]
    # Comments without a label for emotions say nothing about second ones.
    scores += [scores_of(bundle, emotion=emotion(0.42))] * 60
    comments += [comment(bundle, loyalty=1)] * 60
    found = calibrated(Scored(bundle, scores), comments)
    warm = [float(np.sort(softmax(emotion(one) / found.temperature["emotion"]))[-2]) for one in (0.22, 0.42)]
    assert warm[0] < found.second_emotion <= warm[1] + 0.02


def satisfaction_scores(bundle: Bundle, confidence: float) -> Scores:
    """A negative comment by this probability; the rest is positive."""
    shares = [confidence / 2, confidence / 2, 1e-9, (1 - confidence) / 2, (1 - confidence) / 2]
    return scores_of(bundle, satisfaction=np.log(np.array(shares)).astype(np.float32))


@pytest.mark.parametrize(
    ("sure", "unsure", "unsure_right", "given_up"),
    [
        (92, 8, 0, 0.04),  # the unsure ones are wrong: so many are given up that 95 in 100 are right
        (92, 8, 8, 0.0),  # the unsure ones are right: all are kept
        (60, 40, 0, 0.10),  # too many are wrong: a tenth is given up and no more
    ],
)
def test_comments_below_the_limit_of_belief_are_given_up(
    bundle: Bundle, sure: int, unsure: int, unsure_right: int, given_up: float
) -> None:
    confidences = [*np.linspace(0.9, 0.99, sure), *np.linspace(0.55, 0.6, unsure)]
    scores = [satisfaction_scores(bundle, confidence) for confidence in confidences]
    golds = [1] * sure + [1] * unsure_right + [5] * (unsure - unsure_right)
    comments = [comment(bundle, satisfaction=gold) for gold in golds]
    found = calibrated(Scored(bundle, scores), comments)
    warm = [
        satisfaction_of(softmax(one.satisfaction / found.temperature["satisfaction"]))[2] for one in scores
    ]
    below = sum(confidence < found.believed for confidence in warm) / len(warm)
    assert below == pytest.approx(given_up, abs=0.011)
    assert below <= MOST_GIVEN_UP


def test_equal_confidences_are_not_all_given_up(bundle: Bundle) -> None:
    # 0.9996 must not be rounded up to a limit of 1.0 that nothing reaches.
    scores = [satisfaction_scores(bundle, 0.9996)] * 20
    comments = [comment(bundle, satisfaction=5 if place < 3 else 1) for place in range(20)]
    found = calibrated(Scored(bundle, scores), comments)
    (share,) = {
        satisfaction_of(softmax(one.satisfaction / found.temperature["satisfaction"]))[2] for one in scores
    }
    assert found.believed <= share


def test_a_satisfaction_that_admits_two_bands_is_never_right_by_one(bundle: Bundle) -> None:
    assert [tuple(range(*band)) for band in BANDS] == [(0, 1), (2,), (3, 4)]
    assert 0.5 < RIGHT_SHARE < 1


def test_nothing_to_calibrate_on(bundle: Bundle) -> None:
    with pytest.raises(TrainingError, match=r"no comment to calibrate on; give a file .* with --dev"):
        calibrated(Scored(bundle, []), [])


def test_the_command_writes_the_manifest_anew(
    tmp_path: Path, word_tagger: Tagger, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(word_tagger.bundle.folder, tmp_path / "words"))
    main(folder, dev=[small_model.STARTER / "test.jsonl"])
    bundle = Bundle.load(folder)
    assert bundle.identity != word_tagger.identity
    assert set(bundle.calibration.thresholds) == set(names(bundle))
    assert capsys.readouterr().out == f"{folder}: {bundle.identity}, calibrated on 180 comments\n"

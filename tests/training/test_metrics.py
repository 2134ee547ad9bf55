from collections.abc import Sequence
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS, Tags
from tests.training.evaluation_cases import (
    TOUCHPOINTS,
    comment,
    counted,
    label,
    measured,
    perfect,
    tags,
    unit,
)
from training.corpus import Comment, Unit
from training.metrics import METRICS, Metric, class_scores, metrics, scored

Pairs = Sequence[tuple[Comment, Tags]]

STAFF_BAD = comment(unit("staff", "negative", (2, 6)))
WRONG_SENTIMENT: Pairs = [
    (
        comment(unit("staff", "negative"), unit("price", "positive")),
        tags(label("staff", "negative"), label("price", "negative")),
    )
]
MASKED: Pairs = [
    (
        comment(unit("staff", "negative"), unit("product", "positive"), known=["staff"]),
        tags(label("staff", "negative"), label("price", "negative")),
    )
]
TWO_CONFIDENT: Pairs = [
    (STAFF_BAD, tags(label("staff", "negative", confidence=0.95), label("price", "neutral", confidence=0.95)))
]

CASES: list[tuple[Metric, Pairs, float, int]] = [
    # One hit; a right label with a wrong sentiment is a false alarm and a miss.
    ("touchpoints_pair_f1", WRONG_SENTIMENT, 0.5, 1),
    ("touchpoints_mention_f1", WRONG_SENTIMENT, 1.0, 1),
    # A label outside the known ones counts neither as gold nor as predicted.
    ("touchpoints_pair_f1", MASKED, 1.0, 1),
    ("touchpoints_mention_f1", MASKED, 1.0, 1),
    ("touchpoints_calibration_error", MASKED, 0.1, 1),
    # A comment of which nothing is known on this axis.
    ("touchpoints_pair_f1", [(comment(known=[]), tags(label("staff", "negative")))], nan, 0),
    # Units of different sentiment are one neutral label.
    (
        "touchpoints_pair_f1",
        [(comment(unit("staff", "negative"), unit("staff", "positive")), tags(label("staff", "neutral")))],
        1.0,
        1,
    ),
    # A general verdict is no touchpoint ...
    (
        "touchpoints_pair_f1",
        [(comment(unit("overall", "positive"), known=["overall", "staff"]), tags())],
        nan,
        1,
    ),
    # ... but its dimension counts.
    (
        "servqual_pair_f1",
        [
            (
                comment(unit("overall", "positive", dimension="assurance")),
                tags(servqual=[label("assurance", "positive")]),
            )
        ],
        1.0,
        1,
    ),
    # A dimension predicted where the comment has none: no hit, one false alarm.
    ("servqual_pair_f1", [(STAFF_BAD, tags(servqual=[label("reliability", "negative")]))], 0.0, 1),
    # Evidence of six characters around a quote of four.
    ("touchpoints_evidence_overlap", [(STAFF_BAD, tags(label("staff", "negative", (0, 6))))], 1.0, 1),
    ("touchpoints_evidence_character_f1", [(STAFF_BAD, tags(label("staff", "negative", (0, 6))))], 0.8, 1),
    # Beside the quote.
    ("touchpoints_evidence_overlap", [(STAFF_BAD, tags(label("staff", "negative", (6, 9))))], 0.0, 1),
    # `more` does not help a wrong `evidence`.
    (
        "touchpoints_evidence_overlap",
        [(STAFF_BAD, tags(label("staff", "negative", (6, 9), more=[(2, 6)])))],
        0.0,
        1,
    ),
    # Of two quotes the better one counts.
    (
        "touchpoints_evidence_character_f1",
        [
            (
                comment(unit("staff", "negative", (7, 9)), unit("staff", "negative", (0, 2))),
                tags(label("staff", "negative", (0, 6))),
            )
        ],
        0.5,
        1,
    ),
    # The quote of another label does not count, and a label without a quote is left out.
    (
        "touchpoints_evidence_overlap",
        [
            (
                comment(unit("staff", "negative"), unit("price", "positive", (0, 4))),
                tags(label("staff", "negative", (0, 4))),
            )
        ],
        nan,
        0,
    ),
    # Evidence of a wrong tag is left out.
    ("touchpoints_evidence_overlap", [(STAFF_BAD, tags(label("staff", "positive", (2, 6))))], nan, 0),
    # Stated 0.95 and 0.95, one of two right: |1.9 - 1| / 2.
    ("touchpoints_calibration_error", TWO_CONFIDENT, 0.45, 2),
    # In different bins nothing cancels out: (|0.05 - 1| + |0.95 - 0|) / 2.
    (
        "touchpoints_calibration_error",
        [
            (
                STAFF_BAD,
                tags(label("staff", "negative", confidence=0.05), label("price", "neutral", confidence=0.95)),
            )
        ],
        0.95,
        2,
    ),
    # Confidence 1.0 falls in the last bin.
    (
        "touchpoints_calibration_error",
        [(STAFF_BAD, tags(label("staff", "negative", confidence=1.0)))],
        0.0,
        1,
    ),
    # No emotion found counts as neutral, and states no confidence.
    ("emotions_accuracy", [(comment(emotion=["neutral"]), tags())], 1.0, 1),
    ("emotions_calibration_error", [(comment(emotion=["neutral"]), tags())], nan, 0),
    # Only the dominant one counts.
    ("emotions_accuracy", [(comment(emotion=["joy"]), tags(emotions={"anger": 0.6, "joy": 0.3}))], 0.0, 1),
    (
        "emotions_calibration_error",
        [(comment(emotion=["joy"]), tags(emotions={"anger": 0.6, "joy": 0.3}))],
        0.6,
        1,
    ),
    # Any admitted emotion is right, but a set says nothing of a single class.
    ("emotions_accuracy", [(comment(emotion=["joy", "satisfaction"]), tags(emotions={"joy": 1.0}))], 1.0, 1),
    ("emotions_macro_f1", [(comment(emotion=["joy", "satisfaction"]), tags(emotions={"joy": 1.0}))], nan, 0),
    # Unlabelled.
    ("emotions_accuracy", [(comment(), tags(emotions={"joy": 1.0}))], nan, 0),
    # A label that only knows "positive" counts for the sentiment, not for the satisfaction.
    ("sentiment_accuracy", [(comment(satisfaction=[4, 5]), tags(satisfaction=4.6))], 1.0, 1),
    ("satisfaction_mean_absolute_error", [(comment(satisfaction=[4, 5]), tags(satisfaction=4.6))], nan, 0),
    # Values of two bands say nothing of the sentiment.
    ("sentiment_accuracy", [(comment(satisfaction=[3, 4]), tags(satisfaction=4.6))], nan, 0),
    # 2 is negative, 2.6 is neutral.
    ("sentiment_accuracy", [(comment(satisfaction=[2]), tags(satisfaction=2.6))], 0.0, 1),
    (
        "sentiment_calibration_error",
        [(comment(satisfaction=[2]), tags(satisfaction=2.6, sentiment_confidence=0.7))],
        0.7,
        1,
    ),
    # An uncertain comment counts in the accuracy, not in that of the certain ones.
    ("sentiment_accuracy", [(comment(satisfaction=[2]), tags(satisfaction=5, uncertain=True))], 0.0, 1),
    (
        "sentiment_accuracy_certain",
        [(comment(satisfaction=[2]), tags(satisfaction=5, uncertain=True))],
        nan,
        0,
    ),
    ("uncertain_share", [(comment(), tags(uncertain=True)), (comment(), tags())], 0.5, 2),
    # |1.8 - 1| and |4.5 - 5|: the error is that of the number as given, not of the rounded one.
    (
        "satisfaction_mean_absolute_error",
        [
            (comment(satisfaction=[1]), tags(satisfaction=1.8)),
            (comment(satisfaction=[5]), tags(satisfaction=4.5)),
        ],
        0.65,
        2,
    ),
    # All of one value: kappa is undefined.
    ("satisfaction_weighted_kappa", [(comment(satisfaction=[3]), tags(satisfaction=3.2))], nan, 1),
    # Promoter 5 of 5; detractor 5 of 10 predicted, 5 gold; none 10 gold, 5 found: (1 + 2/3 + 2/3) / 3.
    (
        "loyalty_macro_f1",
        [
            *[(comment(loyalty="promoter"), tags(loyalty="promoter"))] * 5,
            *[(comment(loyalty="detractor"), tags(loyalty="detractor"))] * 5,
            *[(comment(loyalty="none"), tags(loyalty="none"))] * 5,
            *[(comment(loyalty="none"), tags(loyalty="detractor"))] * 5,
        ],
        7 / 9,
        20,
    ),
    # Four promoters are too few for the mean: only `none` counts.
    (
        "loyalty_macro_f1",
        [
            *[(comment(loyalty="promoter"), tags(loyalty="none"))] * 4,
            *[(comment(loyalty="none"), tags(loyalty="none"))] * 6,
        ],
        0.75,
        10,
    ),
    # Ten gold `staff`, all found; nine gold `price`, none found: only `staff` counts.
    (
        "touchpoints_macro_f1",
        [
            *[(comment(unit("staff", "negative")), tags(label("staff", "negative")))] * 10,
            *[(comment(unit("price", "negative")), tags())] * 9,
        ],
        1.0,
        19,
    ),
    # The tenth `price` makes it count: (1 + 0) / 2.
    (
        "touchpoints_macro_f1",
        [
            *[(comment(unit("staff", "negative")), tags(label("staff", "negative")))] * 10,
            *[(comment(unit("price", "negative")), tags())] * 10,
        ],
        0.5,
        20,
    ),
]


@pytest.mark.parametrize(("metric", "pairs", "value", "items"), CASES)
def test_metric(metric: Metric, pairs: Pairs, value: float, items: int) -> None:
    found, counted_items = measured(pairs, metric)
    assert found == pytest.approx(value, nan_ok=True)
    assert counted_items == items


def test_class_scores() -> None:
    # staff: 2 hits, 1 false alarm (wrong sentiment), 2 misses (wrong sentiment, not found).
    pairs = [
        *[(STAFF_BAD, tags(label("staff", "negative")))] * 2,
        (STAFF_BAD, tags(label("staff", "positive"))),
        (STAFF_BAD, tags()),
    ]
    found = class_scores(counted(pairs).total())["touchpoints"]
    assert found.classes == TOUCHPOINTS
    assert found.mention_f1 is not None
    assert (found.precision[0, 0], found.recall[0, 0]) == pytest.approx((2 / 3, 1 / 2))
    assert (found.f1[0, 0], found.mention_f1[0, 0], found.support[0, 0]) == pytest.approx((4 / 7, 6 / 7, 4))
    assert np.isnan(found.f1[0, 1])  # neither gold nor predicted


units = st.builds(
    unit,
    st.sampled_from(TOUCHPOINTS),
    st.sampled_from(SENTIMENTS),
    st.sampled_from([(0, 2), (2, 6), (7, 12)]),
    st.sampled_from(["assurance", "reliability", None]),
)
comments = st.builds(
    lambda units, emotion, satisfaction, loyalty: comment(
        *units, emotion=[emotion], satisfaction=[satisfaction], loyalty=loyalty
    ),
    st.lists(units, max_size=4),
    st.sampled_from(EMOTIONS),
    st.integers(1, 5),
    st.sampled_from(LOYALTIES),
)
COSTS = ("calibration_error", "mean_absolute_error", "uncertain_share")


@given(st.lists(comments, min_size=1, max_size=30))
def test_a_perfect_prediction_scores_one(golds: list[Comment]) -> None:
    total = counted([(gold, perfect(gold)) for gold in golds]).total()
    found = metrics(total, scored(total))
    for metric in METRICS:
        value = float(found[metric].value[0])
        assert np.isnan(value) or value == pytest.approx(0.0 if metric.endswith(COSTS) else 1.0), metric


@given(st.lists(st.tuples(comments, comments), min_size=1, max_size=40))
def test_numbers_are_those_of_scikit_learn(drawn: list[tuple[Comment, Comment]]) -> None:
    """The labels of one comment play the prediction of another."""
    total = counted([(gold, perfect(other)) for gold, other in drawn]).total()
    found = metrics(total, scored(total))
    sides = list(zip(*drawn, strict=True))
    pairs = [(name, sentiment) for name in TOUCHPOINTS for sentiment in SENTIMENTS]
    gold_pairs, found_pairs = (
        [[side.labels("touchpoints").get(name) == sentiment for name, sentiment in pairs] for side in column]
        for column in sides
    )
    emotions = [["".join(side.emotion or ()) for side in column] for column in sides]
    satisfactions = [[next(iter(side.satisfaction or ())) for side in column] for column in sides]
    counts = {name: emotions[0].count(name) for name in EMOTIONS}
    frequent = [name for name in EMOTIONS if counts[name] >= 5]

    def value(metric: Metric) -> float:
        return float(found[metric].value[0])

    if np.any(gold_pairs) or np.any(found_pairs):
        expected = f1_score(gold_pairs, found_pairs, average="micro", zero_division=0)
        assert value("touchpoints_pair_f1") == pytest.approx(expected)
    assert value("emotions_accuracy") == pytest.approx(accuracy_score(*emotions))
    if frequent:
        expected = f1_score(*emotions, labels=frequent, average="macro", zero_division=0)
        assert value("emotions_macro_f1") == pytest.approx(expected)
    if len({*satisfactions[0], *satisfactions[1]}) > 1:
        expected = cohen_kappa_score(*satisfactions, labels=[1, 2, 3, 4, 5], weights="quadratic")
        assert value("satisfaction_weighted_kappa") == pytest.approx(expected)


@given(st.lists(comments, min_size=1, max_size=10), st.sampled_from(TOUCHPOINTS))
def test_masked_labels_do_not_count(golds: list[Comment], name: str) -> None:
    """Whatever is said of a label that a comment does not know, nothing changes."""
    masked = [comment(*gold.units, known={*TOUCHPOINTS} - {name}) for gold in golds]
    silent = [tags(*(tag for tag in perfect(gold).touchpoints if tag.id != name)) for gold in golds]
    loud = [tags(*answer.touchpoints, label(name, "neutral")) for answer in silent]
    ways = [
        counted(list(zip(masked, answers, strict=True))).total().touchpoints for answers in (silent, loud)
    ]
    assert ways[0].pairs.tolist() == ways[1].pairs.tolist()
    assert ways[0].calibration.tolist() == ways[1].calibration.tolist()
    assert ways[0].evidence.tolist() == ways[1].evidence.tolist()
    assert not ways[0].pairs[0, TOUCHPOINTS.index(name)].any()


@given(st.lists(units, min_size=1, max_size=3, unique_by=lambda item: item.touchpoint))
def test_marking_everything_as_evidence_lowers_the_character_f1(opinions: list[Unit]) -> None:
    gold = comment(*opinions)
    everything = tags(
        *(label(tag.id, tag.sentiment, (0, len(gold.text))) for tag in perfect(gold).touchpoints)
    )
    exact, _ = measured([(gold, perfect(gold))], "touchpoints_evidence_character_f1")
    marked, _ = measured([(gold, everything)], "touchpoints_evidence_character_f1")
    assert measured([(gold, everything)], "touchpoints_evidence_overlap")[0] == 1.0
    assert marked < exact == pytest.approx(1.0)

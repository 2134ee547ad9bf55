from dataclasses import replace

import numpy as np
import pytest

from models.baseline import Baseline
from tests.models.linear_cases import OUTPUTS, TAXONOMY, column, small_model
from training.corpus import Comment, Unit
from training.linear_calibration import Scales, calibrated

TEXT = "前台差，早餐不错"


def comment(number: int, *, staff: bool = True, dimensions: bool = True) -> Comment:
    units = [Unit(start=4, end=8, touchpoint="product", dimension=None, sentiment="positive")]
    if staff:
        units.append(Unit(start=0, end=3, touchpoint="staff", dimension="assurance", sentiment="negative"))
    return Comment(
        id=str(number),
        text=TEXT,
        source="",
        domain="",
        units=tuple(units),
        touchpoints_known=frozenset(TAXONOMY.touchpoint_ids),
        dimensions_known=frozenset(TAXONOMY.dimension_ids if dimensions else ()),
        emotion=frozenset({"anger"}) if number % 2 else None,
        satisfaction=frozenset({3}),
    )


def test_scaling_becomes_part_of_the_model() -> None:
    model = small_model()
    scales = Scales(np.ones(len(OUTPUTS)), np.zeros(len(OUTPUTS)))
    scales.factor[column("staff")], scales.offset[column("staff")] = 0.5, 0.25
    (before,) = Baseline(model).scores([TEXT])
    (after,) = Baseline(scales.applied(model)).scores([TEXT])
    labels = len(OUTPUTS.labels)
    expected = before.presence(labels)
    expected[column("staff")] = expected[column("staff")] * 0.5 + 0.25
    assert after.presence(labels) == pytest.approx(expected, abs=1e-5)


def test_probability_becomes_frequency() -> None:
    # The model gives staff the same 0.7 in every comment; the annotators find it in three of four.
    comments = [comment(number, staff=number % 4 > 0) for number in range(400)]
    model = small_model()
    (raw,) = Baseline(model).scores([TEXT])
    assert Baseline(model).probabilities(raw)[column("staff"), 0] == pytest.approx(0.3, abs=0.01)
    scales, _ = calibrated(model, comments)
    scaled = Baseline(scales.applied(model))
    (scores,) = scaled.scores([TEXT])
    absent = scaled.probabilities(scores)[:, 0]
    # One scale for the axis: staff (0.75) and product (1.0) score alike and share a probability.
    assert absent[column("staff")] == pytest.approx(1 - (0.75 + 1.0) / 2, abs=0.02)
    assert absent[column("delivery")] > 0.98


def test_thresholds_are_set_for_every_label_and_within_the_grid() -> None:
    _, calibration = calibrated(small_model(), [comment(number) for number in range(20)])
    assert list(calibration.thresholds) == list(OUTPUTS.labels)
    assert all(0.1 <= cut <= 0.8 for cut in calibration.thresholds.values())


def test_what_is_not_labelled_is_left_as_it_is() -> None:
    comments = [comment(number, dimensions=False) for number in range(20)]
    scales, _ = calibrated(small_model(), comments)
    for label in TAXONOMY.dimension_ids:
        assert (scales.factor[column(label)], scales.offset[column(label)]) == (1.0, 0.0)
    assert np.all(scales.factor[OUTPUTS.loyalty] == 1.0)


def test_no_factor_turns_a_ranking_over() -> None:
    # Annotators who contradict the model everywhere.
    wrong = [
        replace(
            comment(number),
            units=(Unit(start=0, end=3, touchpoint="delivery", dimension="empathy", sentiment="positive"),),
        )
        for number in range(30)
    ]
    scales, _ = calibrated(small_model(), wrong)
    assert (scales.factor > 0).all()


def test_temperatures_do_not_change_a_decision() -> None:
    model = small_model()
    scales, _ = calibrated(model, [comment(number) for number in range(20)])
    (before,) = Baseline(model).scores([TEXT])
    (after,) = Baseline(scales.applied(model)).scores([TEXT])
    for columns in (OUTPUTS.emotion, OUTPUTS.satisfaction, OUTPUTS.loyalty):
        assert np.all(scales.offset[columns] == 0)
        assert np.argsort(before.comment[columns]).tolist() == np.argsort(after.comment[columns]).tolist()

import json
from dataclasses import replace
from math import nan

import pytest

from models.tags import Tags
from tests.training.evaluation_cases import comment, counted, label, perfect, tags, unit
from training.corpus import Comment
from training.metrics import HEADS, METRICS, class_scores, metrics, scored
from training.scoring import (
    GROUP_METRICS,
    Grouping,
    Report,
    Sample,
    Score,
    compare,
    group_scores,
    length_band,
    model_report,
)

GOLD = [
    *[comment(unit("staff", "negative", (2, 6)), emotion=["anger"], satisfaction=[1], loyalty="none")] * 12,
    *[comment(unit("price", "positive", (7, 12)), emotion=["joy"], satisfaction=[5], domain="bank")] * 8,
]
GOOD = [perfect(gold) for gold in GOLD]
# Every other comment is left without tags.
POOR = [perfect(gold) if index % 2 else tags() for index, gold in enumerate(GOLD)]


def sample(answers: list[Tags], gold: list[Comment] = GOLD, resamples: int = 200) -> Sample:
    return Sample.draw(counted(list(zip(gold, answers, strict=True))), resamples=resamples)


def test_intervals_lie_around_the_numbers() -> None:
    found = model_report("poor", sample(POOR)).metrics
    assert set(found) == set(METRICS)
    for metric, score in found.items():
        if score.value is not None:
            assert score.low is not None, metric
            assert score.high is not None, metric
            assert score.low <= score.value <= score.high, metric
    # Half of the gold pairs found, nothing wrong: 2 * 0.5 / 1.5.
    assert found["touchpoints_pair_f1"].value == pytest.approx(2 / 3, abs=1e-6)
    assert found["loyalty_macro_f1"].items == 12


def test_what_cannot_be_computed_is_none() -> None:
    found = model_report("silent", sample([tags() for _ in GOLD])).metrics
    assert found["touchpoints_evidence_overlap"] == Score(None, None, None, 0)
    assert found["touchpoints_calibration_error"] == Score(None, None, None, 0)


def test_classes_below_the_floor_are_marked() -> None:
    classes = {item.id: item for item in model_report("poor", sample(POOR)).classes["touchpoints"]}
    assert {name: (item.support, item.counted) for name, item in classes.items()} == {
        "staff": (12, True),
        "price": (8, False),
        "product": (0, False),
    }
    assert classes["price"].recall == 0.5
    assert classes["product"].f1.value is None


def test_the_difference_is_paired() -> None:
    difference = compare(sample(GOOD), sample(POOR))
    pair_f1 = difference.metrics["touchpoints_pair_f1"]
    assert pair_f1.value == pytest.approx(1 / 3, abs=1e-6)
    assert pair_f1.low is not None
    assert pair_f1.low > 0
    assert difference.classes["touchpoints"]["staff"].value == pytest.approx(1 / 3, abs=1e-6)
    # A model against itself: no spread at all, which unpaired draws would have.
    for score in compare(sample(POOR), sample(POOR)).metrics.values():
        assert (score.value, score.low, score.high) in {(0, 0, 0), (None, None, None)}


@pytest.mark.parametrize(
    "other",
    [
        # Other comments.
        sample(GOOD[::-1], GOLD[::-1]),
        # Fewer comments.
        sample(GOOD[1:], GOLD[1:]),
        # Other resamples.
        sample(GOOD, resamples=100),
    ],
)
def test_unpaired_samples_are_refused(other: Sample) -> None:
    with pytest.raises(ValueError, match="same comments, labels, resamples and seed"):
        compare(sample(GOOD), other)


@pytest.mark.parametrize(
    ("length", "band"),
    [
        (1, "1-20"),
        (20, "1-20"),
        (21, "21-60"),
        (60, "21-60"),
        (61, "61-150"),
        (150, "61-150"),
        (151, "over 150"),
    ],
)
def test_length_band(length: int, band: str) -> None:
    # Outside the basic plane: code points count, not UTF-16 units or bytes.
    assert length_band("😀" * length) == band


def test_groups_are_scored_like_a_set_of_their_own() -> None:
    groups = group_scores(GOLD, counted(list(zip(GOLD, POOR, strict=True))), Grouping.DOMAIN)
    assert [(group.group, group.comments) for group in groups] == [("hotel", 12), ("bank", 8)]
    alone = counted(
        [(gold, answer) for gold, answer in zip(GOLD, POOR, strict=True) if gold.domain == "bank"]
    )
    expected = metrics(alone.total(), scored(alone.total()))
    for metric in GROUP_METRICS:
        score, found = groups[1].metrics[metric], expected[metric]
        value = nan if score.value is None else score.value
        assert value == pytest.approx(found.value[0], abs=1e-6, nan_ok=True)
        assert score.items == found.items[0]


def test_length_bands_come_in_order() -> None:
    gold = [replace(GOLD[0], text="好" * length) for length in (200, 30, 3, 31)]
    groups = group_scores(gold, counted([(row, perfect(row)) for row in gold]), Grouping.LENGTH)
    assert [(group.group, group.comments) for group in groups] == [("1-20", 1), ("21-60", 2), ("over 150", 1)]


def test_sources() -> None:
    gold = [replace(GOLD[0], source=source) for source in "bab"]
    groups = group_scores(gold, counted([(row, perfect(row)) for row in gold]), Grouping.SOURCE)
    assert [group.group for group in groups] == ["b", "a"]


def test_the_report_is_plain_json() -> None:
    counts = counted(list(zip(GOLD, POOR, strict=True)))
    report = Report(
        data="test.jsonl",
        comments=20,
        taxonomy="2026.1",
        resamples=200,
        seed=1,
        model=model_report(
            "poor", sample(POOR), {Grouping.DOMAIN: group_scores(GOLD, counts, Grouping.DOMAIN)}
        ),
    )
    read = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert read["model"]["metrics"]["sentiment_accuracy"]["items"] == 20
    assert read["model"]["groups"]["domain"][0]["group"] == "hotel"
    assert read["model"]["classes"]["touchpoints"][0]["id"] == "staff"
    assert set(read["model"]["classes"]) == set(HEADS)
    assert read["baseline"] is None


def test_more_tags_than_labels_do_not_hide_a_loss() -> None:
    """A class that falls shows in its own difference even where the head's score does not move."""
    swapped = [tags(label("staff", "negative")) if gold.domain == "hotel" else tags() for gold in GOLD]
    other = [tags() if gold.domain == "hotel" else tags(label("price", "positive")) for gold in GOLD]
    classes = compare(sample(swapped), sample(other)).classes["touchpoints"]
    assert (classes["staff"].value, classes["price"].value) == (1.0, -1.0)
    supports = class_scores(counted(list(zip(GOLD, swapped, strict=True))).total())["touchpoints"].support
    assert supports.tolist() == [[12, 8, 0]]

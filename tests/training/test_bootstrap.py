import numpy as np
import pytest

from tests.training.evaluation_cases import comment, counted, perfect, tags
from training.bootstrap import interval, resampled
from training.counts import Array, Counts
from training.metrics import metrics, scored


def accuracies(counts: Counts, *, resamples: int = 500, seed: int = 1) -> Array:
    drawn = resampled(counts, resamples=resamples, seed=seed)
    return metrics(drawn, scored(counts.total()))["sentiment_accuracy"].value


def half_right(comments: int) -> Counts:
    gold = comment(satisfaction=[5])
    return counted([(gold, perfect(gold) if index % 2 else tags()) for index in range(comments)])


def test_resamples_draw_as_many_comments_as_there_are() -> None:
    drawn = resampled(half_right(30), resamples=7)
    assert drawn.comment.uncertain[:, 0].tolist() == [30] * 7


def test_spread_is_that_of_the_binomial() -> None:
    # 100 comments, half of them right: standard error 0.05.
    values = accuracies(half_right(100), resamples=2000)
    assert np.mean(values) == pytest.approx(0.5, abs=0.01)
    assert np.std(values) == pytest.approx(0.05, rel=0.1)


def test_equal_seeds_give_equal_draws() -> None:
    counts = half_right(20)
    assert accuracies(counts).tolist() == accuracies(counts).tolist()
    assert accuracies(counts).tolist() != accuracies(counts, seed=2).tolist()


@pytest.mark.parametrize("size", [1, 2, 50])
def test_interval_contains_the_point(size: int) -> None:
    counts = half_right(size)
    bounds = interval(accuracies(counts))
    assert bounds is not None
    point = metrics(counts.total(), scored(counts.total()))["sentiment_accuracy"].value[0]
    assert bounds[0] <= point <= bounds[1]


def test_interval_is_the_middle_of_what_is_defined() -> None:
    values = np.append(np.arange(1001) / 1000, [np.nan] * 9)
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert interval(values, level=0.5) == pytest.approx((0.25, 0.75))


def test_no_interval_where_nothing_is_defined() -> None:
    assert interval(np.array([np.nan, np.nan])) is None


@pytest.mark.parametrize(("comments", "resamples"), [(0, 10), (10, 0)])
def test_nothing_to_draw(comments: int, resamples: int) -> None:
    with pytest.raises(ValueError, match=f"{comments} comments and {resamples} resamples"):
        resampled(half_right(comments), resamples=resamples)

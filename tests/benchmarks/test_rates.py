"""Rounds in turn, medians and ratios."""

import pytest

from benchmarks.rates import Rates, highest, interleaved


def test_jobs_take_turns() -> None:
    order = []
    rates = iter([1.0, 10.0, 2.0, 30.0, 3.0, 20.0])

    def job(name: str) -> float:
        order.append(name)
        return next(rates)

    found = interleaved({"a": lambda: job("a"), "b": lambda: job("b")}, runs=3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": Rates((1.0, 2.0, 3.0)), "b": Rates((10.0, 30.0, 20.0))}
    assert found["b"].median == 20.0


def test_a_ratio_is_taken_round_by_round() -> None:
    # the second round was half as fast for both: the ratio does not see it
    assert Rates((40.0, 20.0)).per(Rates((4.0, 2.0))) == Rates((10.0, 10.0))
    with pytest.raises(ValueError, match="shorter"):
        Rates((1.0, 2.0)).per(Rates((1.0,)))


def test_every_round_is_scaled() -> None:
    assert Rates((1.0, 2.0)).times(3.0) == Rates((3.0, 6.0))


@pytest.mark.parametrize(
    ("rates", "digits", "shown"),
    [
        # median, lowest and highest
        (Rates((3.0, 1.0, 2.0)), 1, "2.0 (1.0 to 3.0)"),
        # thousands are set apart
        (Rates((1234.5, 1234.5)), 0, "1,234 (1,234 to 1,234)"),
        # one round has no spread
        (Rates((5.25,)), 2, "5.25"),
    ],
)
def test_shows_the_spread(rates: Rates, digits: int, shown: str) -> None:
    assert rates.show(digits) == shown


def test_the_highest_goes_by_median() -> None:
    assert highest({1: Rates((9.0, 1.0, 1.0)), 8: Rates((2.0, 2.0, 2.0))}) == 8

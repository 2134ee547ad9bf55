import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tags import SENTIMENTS, band
from tests.training.evaluation_cases import comment, counted, label, perfect, tags, unit
from training.counts import Span, character_f1, count, rounded


@pytest.mark.parametrize(
    ("found", "quote", "expected"),
    [
        # Equal spans.
        ((0, 6), (0, 6), 1.0),
        # Inside: 4 shared of 6 and 4.
        ((0, 6), (2, 6), 0.8),
        # Half over the edge: 2 shared of 4 and 4.
        ((0, 4), (2, 6), 0.5),
        # Touching at the half-open end shares nothing.
        ((0, 6), (6, 8), 0.0),
        # An empty span shares nothing, wherever it lies.
        ((3, 3), (0, 6), 0.0),
        # Two empty spans: no division by zero.
        ((0, 0), (0, 0), 0.0),
    ],
)
def test_character_f1(found: Span, quote: Span, expected: float) -> None:
    assert character_f1(found, quote) == pytest.approx(expected)


@given(st.tuples(st.integers(0, 30), st.integers(1, 30)), st.tuples(st.integers(0, 30), st.integers(1, 30)))
def test_character_f1_is_that_of_the_sets_of_characters(first: Span, second: Span) -> None:
    spans = [(start, start + length) for start, length in (first, second)]
    found, quote = (set(range(*span)) for span in spans)
    assert character_f1(*spans) == pytest.approx(2 * len(found & quote) / (len(found) + len(quote)))


@pytest.mark.parametrize(
    ("satisfaction", "expected"),
    [
        (1.0, 1),
        # Halves go towards 3: 2.5 and 3.5 are neutral.
        (1.5, 2),
        (2.49, 2),
        (2.5, 3),
        (3.5, 3),
        (3.51, 4),
        (4.5, 4),
        (4.51, 5),
        # Beyond the scale.
        (0.2, 1),
        (5.9, 5),
    ],
)
def test_rounded_satisfaction(satisfaction: float, expected: int) -> None:
    assert rounded(satisfaction) == expected


@given(st.floats(1, 5))
def test_rounding_never_leaves_the_band_of_sentiment(satisfaction: float) -> None:
    assert band(rounded(satisfaction)) == band(satisfaction)


def test_sums_by_group_add_up_to_the_total() -> None:
    rows = [comment(unit("staff", sentiment, (0, 2)), satisfaction=[3]) for sentiment in SENTIMENTS]
    counts = counted([(row, perfect(row)) for row in rows])
    one_each = counts.summed(counts.comment.uncertain[:, :1] * [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert len(one_each) == 3
    assert one_each.total().touchpoints.pairs.tolist() == counts.total().touchpoints.pairs.tolist()
    assert counts.total().touchpoints.pairs[0, 0].tolist() == [3, 0, 0]


def test_every_comment_needs_its_tags() -> None:
    with pytest.raises(ValueError, match="shorter"):
        count([comment(), comment()], [tags(label("staff", "neutral"))], touchpoints=[], dimensions=[])

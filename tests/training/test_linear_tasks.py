import numpy as np
import pytest

from models.linear import Outputs
from models.tags import EMOTIONS, LOYALTIES, SENTIMENTS
from models.taxonomy import Taxonomy
from training.corpus import Comment, Unit
from training.linear_tasks import Material, Task

TAXONOMY = Taxonomy.load()
OUTPUTS = Outputs.of(TAXONOMY)
ALL_TOUCHPOINTS = frozenset({*TAXONOMY.touchpoint_ids, "overall"})
TEXT = "前台差，早餐不错，再来"
COMMENTS = [
    Comment(
        id="full",
        text=TEXT,
        source="",
        domain="",
        units=(
            Unit(start=0, end=3, touchpoint="staff", dimension="assurance", sentiment="negative"),
            Unit(start=4, end=8, touchpoint="product", dimension="reliability", sentiment="positive"),
            # inside the span of the unit before, with another verdict
            Unit(start=4, end=6, touchpoint="price", dimension=None, sentiment="negative"),
        ),
        touchpoints_known=ALL_TOUCHPOINTS,
        dimensions_known=frozenset(TAXONOMY.dimension_ids),
        emotion=frozenset({"joy"}),
        satisfaction=frozenset({4}),
        loyalty="promoter",
    ),
    Comment(
        id="partly",
        text="价格贵",
        source="",
        domain="",
        # no quote: the whole comment stands for it
        units=(Unit(start=0, end=0, touchpoint="price", dimension=None, sentiment="negative"),),
        touchpoints_known=frozenset({"price"}),
        emotion=frozenset({"anger", "disgust"}),
        satisfaction=frozenset({1, 2}),
    ),
]
MATERIAL = Material(COMMENTS, TAXONOMY)


def task(column: int) -> Task:
    (found,) = [one for one in MATERIAL.tasks if one.column == column]
    return found


def of_label(label: str) -> Task:
    return task(OUTPUTS.labels.index(label))


def words(row: int) -> set[str]:
    names = list(MATERIAL.vocabulary)
    terms = {names[term] for term in MATERIAL.examples[row].terms}
    return {term[1:] for term in terms if term.startswith("w")}


def test_examples_are_comments_then_quotes() -> None:
    assert [(one.comment, one.is_quote) for one in MATERIAL.examples] == [
        (0, False),
        (1, False),
        (0, True),
        (0, True),
        (0, True),
        (1, True),
    ]
    assert [words(row) for row in (2, 3, 4, 5)] == [{"前台", "差"}, {"早餐"}, {"早餐", "不错"}, words(1)]


def test_there_is_one_task_for_every_output() -> None:
    assert [one.column for one in MATERIAL.tasks] == list(range(len(OUTPUTS)))


@pytest.mark.parametrize(
    ("label", "rows", "positive"),
    [
        # known in the first comment only; said in it and in its own quote
        ("staff", [0, 2, 3, 4], [True, True, False, False]),
        ("assurance", [0, 2, 3, 4], [True, True, False, False]),
        # known in both; the longer quote holds the shorter one
        ("price", [0, 1, 2, 3, 4, 5], [True, True, False, True, True, True]),
        ("product", [0, 2, 3, 4], [True, False, False, True]),
        ("delivery", [0, 2, 3, 4], [False, False, False, False]),
    ],
)
def test_presence(label: str, rows: list[int], positive: list[bool]) -> None:
    assert of_label(label).rows.tolist() == rows
    assert of_label(label).positive.tolist() == positive


def test_sentiment_is_learnt_from_quotes() -> None:
    found = {
        sentiment: task(OUTPUTS.sentiment.start + place).positive.tolist()
        for place, sentiment in enumerate(SENTIMENTS)
    }
    # A span with praise and blame is neutral.
    assert found == {
        "negative": [True, True, False, True],
        "neutral": [False, False, True, False],
        "positive": [False, False, False, False],
    }
    assert task(OUTPUTS.sentiment.start).rows.tolist() == [2, 3, 4, 5]


def test_the_comment_as_a_whole_is_learnt_from_labels_of_one_value() -> None:
    for columns, places in (
        (OUTPUTS.emotion, EMOTIONS.index("joy")),
        (OUTPUTS.satisfaction, 3),
        (OUTPUTS.loyalty, LOYALTIES.index("promoter")),
    ):
        found = [task(column) for column in range(columns.start, columns.stop)]
        assert [one.rows.tolist() for one in found] == [[0]] * len(found)
        assert int(np.argmax([one.positive[0] for one in found])) == places
        assert sum(int(one.positive[0]) for one in found) == 1

"""The corpora that come with the code: the starter corpus and the comments of the demonstration."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from models.tags import EMOTIONS
from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.overlap import NearDuplicates, without_near_duplicates
from training.sources import load_source
from training.sources.benchmarks import STARTER_TEST, read_starter_test

STARTER = STARTER_TEST.parent
DEMO = STARTER.parent.parent / "service" / "demo" / "comments.jsonl"
CHANNELS = {"web_review", "survey", "app_store", "social", "wechat", "hotline", "store_form", "email"}


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return Taxonomy.load()


@pytest.fixture(scope="module")
def train(taxonomy: Taxonomy) -> list[Comment]:
    return load_source("starter", None, taxonomy)


@pytest.fixture(scope="module")
def test(taxonomy: Taxonomy) -> list[Comment]:
    return read_starter_test(taxonomy)


def raw(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_sizes_and_ids(train: list[Comment], test: list[Comment]) -> None:
    assert (len(train), len(test)) == (720, 180)
    assert len({comment.id for comment in (*train, *test)}) == 900


def test_every_axis_of_every_comment_is_labelled(
    taxonomy: Taxonomy, train: list[Comment], test: list[Comment]
) -> None:
    for comment in (*train, *test):
        assert comment.touchpoints_known == {*taxonomy.touchpoint_ids, taxonomy.overall.id}
        assert comment.dimensions_known == set(taxonomy.dimension_ids)
        assert comment.emotion is not None
        assert len(comment.emotion) == 1
        assert comment.satisfaction is not None
        assert len(comment.satisfaction) == 1
        assert comment.loyalty is not None
        assert comment.domain
        assert all(unit.end > unit.start for unit in comment.units), comment.id


def test_no_test_comment_stands_in_train(train: list[Comment], test: list[Comment]) -> None:
    assert without_near_duplicates(test, [comment.text for comment in train]) == (test, 0)


def test_no_comment_repeats_within_a_file(train: list[Comment], test: list[Comment]) -> None:
    for comments in (train, test):
        index = NearDuplicates(comment.text for comment in comments)
        assert [index.of(comment.text) for comment in comments] == [[place] for place in range(len(comments))]


def test_every_label_keeps_its_share_in_test(train: list[Comment], test: list[Comment]) -> None:
    def labels(comments: list[Comment]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for comment in comments:
            counts.update(comment.labels("touchpoints").keys())
            counts.update(comment.labels("servqual").keys())
            counts.update(comment.emotion or ())
            counts.update(f"satisfaction {value}" for value in comment.satisfaction or ())
            counts[f"loyalty {comment.loyalty}"] += 1
        return counts

    held_out, everything = labels(test), labels([*train, *test])
    for label, total in everything.items():
        assert held_out[label] == pytest.approx(total / 5, abs=2), label
    assert set(EMOTIONS) <= held_out.keys()


def test_test_covers_every_industry_with_four_comments(train: list[Comment], test: list[Comment]) -> None:
    total = Counter(comment.domain for comment in (*train, *test))
    assert {domain for domain, count in total.items() if count >= 4} <= {comment.domain for comment in test}


def test_channel_and_audience_are_given() -> None:
    rows = [*raw(STARTER / "train.jsonl"), *raw(STARTER / "test.jsonl")]
    assert {row["channel"] for row in rows} == CHANNELS
    assert Counter(row["audience"] for row in rows) == {"external": 865, "internal": 35}


def test_the_demonstration_has_no_tags_and_no_test_comment(test: list[Comment]) -> None:
    rows = raw(DEMO)
    assert len(rows) == 60
    assert len({row["id"] for row in rows}) == 60
    held_out = {comment.text for comment in test}
    for row in rows:
        assert list(row) == ["id", "text", "channel", "place", "rating", "occurred_at"]
        assert row["text"] not in held_out
        assert row["channel"] in CHANNELS
        assert row["rating"] in {None, 1, 2, 3, 4, 5}
        assert datetime.fromisoformat(str(row["occurred_at"])).utcoffset() is not None


def test_the_demonstration_is_varied(train: list[Comment]) -> None:
    by_text = {comment.text: comment for comment in train}
    shown = [by_text[str(row["text"])] for row in raw(DEMO)]
    assert len({comment.domain for comment in shown}) >= 40
    assert {value for comment in shown for value in comment.satisfaction or ()} == {1, 2, 3, 4, 5}
    assert {emotion for comment in shown for emotion in comment.emotion or ()} == set(EMOTIONS)

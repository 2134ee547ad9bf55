"""Which comments count as short and long, and that a thinned list keeps their mix."""

from pathlib import Path

import pytest

from benchmarks.comments import STARTER, Kind, load_comments, of_kind, thinned
from benchmarks.errors import BenchmarkError
from training.errors import CorpusError


@pytest.mark.parametrize(
    ("length", "kinds"),
    [
        # the longest short comment
        (20, {"short", "typical"}),
        # neither
        (21, {"typical"}),
        (150, {"typical"}),
        # the shortest long comment
        (151, {"long", "typical"}),
    ],
)
def test_kinds_go_by_characters(length: int, kinds: set[Kind]) -> None:
    every: tuple[Kind, ...] = ("short", "typical", "long")
    assert {kind for kind in every if of_kind(["好" * length], kind)} == kinds


def test_thinning_keeps_order_and_mix_of_lengths() -> None:
    # three lengths, a third each, in turn
    texts = ["好" * length + str(number) for number in range(100) for length in (3, 30, 90)]
    few = thinned(texts, 30)
    assert len(few) == len(set(few)) == 30
    assert few == [text for text in texts if text in few]
    assert [sum(len(text) // 30 == part for text in few) for part in (0, 1, 3)] == [10, 10, 10]


@pytest.mark.parametrize("most", [3, 4])
def test_a_short_list_is_not_thinned(most: int) -> None:
    assert thinned(["一", "二", "三"], most) == ["一", "二", "三"]


def test_the_starter_corpus_is_there() -> None:
    assert len(load_comments(STARTER)) > 500


def test_a_file_without_comments_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(
        BenchmarkError, match=r"empty\.jsonl holds no comment; give a file with a line such as"
    ):
        load_comments(empty)
    with pytest.raises(CorpusError, match=r"absent\.jsonl: there is no such file"):
        load_comments(tmp_path / "absent.jsonl")

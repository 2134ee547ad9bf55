"""Near-duplicates of held-out texts are found and dropped, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.corpus import Comment
from training.overlap import NearDuplicates, without_near_duplicates

HELD_OUT = "酒店位置很好离地铁站走路五分钟房间干净早餐丰富"


def comment(text: str) -> Comment:
    return Comment(id=text, text=text, source="s", domain="d")


DUPLICATES = [
    # the same text
    (HELD_OUT, HELD_OUT),
    # punctuation, spaces and full width apart
    ("酒店位置很好，离地铁站走路五分钟。 房间干净！早餐丰富～", HELD_OUT),
    ("ＡＰＰ更新之后登录不上去了", "app更新之后登录不上去了"),
    # a longer text that quotes the whole held-out one
    ("朋友推荐来的，第一次住这里就喜欢上了，" + HELD_OUT + "，还会再来，强烈推荐给大家", HELD_OUT),
    # a shorter piece of the held-out text
    ("离地铁站走路五分钟房间干净", HELD_OUT),
    # one word changed near the end
    (HELD_OUT.replace("丰富", "一般"), HELD_OUT),
    # shorter than a gram: equal
    ("很好！", "很好"),
    # nothing but emoji: equal
    ("👍👍", "👍 👍"),
]

DIFFERENT = [
    # another text
    ("前台态度差，空调坏了一晚上没人管", HELD_OUT),
    # shares a phrase of one gram only
    ("离地铁站走路五分钟，可是隔音太差，一晚上没睡，退房还排了半个小时的队", HELD_OUT),
    # shorter than a gram: part of another, but not equal
    ("很好", "很好吃"),
    # a short text that stands inside a long one
    ("房间干净", HELD_OUT),
    # emoji of another kind
    ("👎", "👍"),
]


@pytest.mark.parametrize(("text", "held_out"), DUPLICATES)
def test_drops_a_near_duplicate_in_either_direction(text: str, held_out: str) -> None:
    assert without_near_duplicates([comment(text)], [held_out]) == ([], 1)
    assert without_near_duplicates([comment(held_out)], [text]) == ([], 1)


@pytest.mark.parametrize(("text", "held_out"), DIFFERENT)
def test_keeps_a_different_text(text: str, held_out: str) -> None:
    assert without_near_duplicates([comment(text)], [held_out]) == ([comment(text)], 0)


def test_keeps_the_order_and_counts_what_it_drops() -> None:
    comments = [comment(text) for text in ("菜很咸", HELD_OUT, "服务热情", "垃圾", "价格偏贵")]
    kept, dropped = without_near_duplicates(comments, [HELD_OUT, "垃圾。"])
    assert [one.text for one in kept] == ["菜很咸", "服务热情", "价格偏贵"]
    assert dropped == 2


def test_the_share_decides() -> None:
    # 13 characters: 6 grams, of which the second text shares 3
    first, second = "abcdefghijklm", "abcdefghijxyz"
    assert without_near_duplicates([comment(first)], [second], share=0.5)[1] == 1
    assert without_near_duplicates([comment(first)], [second], share=0.51)[1] == 0


def test_a_repeated_gram_counts_once() -> None:
    # "哈" ten times is one gram; the longer text shares one of its eleven, the shorter all of its one
    assert NearDuplicates(["哈" * 10]).of("哈" * 8 + "今天的菜真是太好吃了") == [0]


def test_names_every_held_out_text_that_fits() -> None:
    index = NearDuplicates([HELD_OUT, "菜很咸", HELD_OUT + "。"])
    assert index.of(HELD_OUT) == [0, 2]


@pytest.mark.parametrize("options", [{"gram_chars": 0}, {"share": 0.0}, {"share": 1.5}])
def test_refuses_settings_without_a_meaning(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        NearDuplicates([], gram_chars=int(options.get("gram_chars", 8)), share=options.get("share", 0.5))


@given(st.text(max_size=60))
def test_every_text_is_a_duplicate_of_itself(text: str) -> None:
    assert NearDuplicates([text]).of(text) == [0]


@given(st.text(alphabet="好吃贵慢，a", max_size=30), st.text(alphabet="好吃贵慢，a", max_size=30))
def test_being_a_duplicate_goes_both_ways(first: str, second: str) -> None:
    assert bool(NearDuplicates([first]).of(second)) == bool(NearDuplicates([second]).of(first))

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.admission import MAX_CHARS, UNREAD, reason_for
from models.tags import Reason
from models.text.normalise import normalise


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # Nothing is said.
        ("", "empty"),
        (" \t\r\n\u3000\u200b", "empty"),  # white space of any width, and none at all
        ("\x00\x01\x7f", "empty"),  # control characters
        ("\ud800\udfff", "empty"),  # lone surrogates
        ("\ufffd", "empty"),  # what is left of undecodable bytes
        ("。。。！？……~~~", "empty"),  # punctuation
        ("<br/>&nbsp;<p></p>", "empty"),  # mark-up around nothing
        ("_ - + = $", "empty"),  # signs
        # Something is said, but not in two letters.
        ("好", "too_short"),
        ("赞！！！", "too_short"),
        ("👍👍👍", "too_short"),  # a picture is said, but not read
        ("666", "too_short"),
        ("5星", "too_short"),
        ("k", "too_short"),  # one letter of any script
        # Another language.
        ("ok", "not_chinese"),
        ("The staff was rude.", "not_chinese"),
        ("The staff at 北京 hotel were very rude and terribly slow", "not_chinese"),  # a name in English
        ("купил телефон 华为, доволен", "not_chinese"),
        ("직원이 불친절해요", "not_chinese"),
        ("部屋が狭くて残念でした", "not_chinese"),  # Japanese shares the characters
        ("スタッフの対応がとても悪かった", "not_chinese"),
        ("hen hao chi", "not_chinese"),  # pinyin
        ("https://example.org/a/b", "not_chinese"),
        # Chinese.
        ("不错", None),
        ("很好👍", None),
        ("垃圾\x00软件", None),  # a NUL inside
        ("\ud83d不错", None),  # half an emoji before the text
        ("iPhone 14 Pro Max好卡", None),  # product names are long beside what is said
        ("app打不开", None),
        ("wifi太慢了，TV也不能投屏", None),
        ("我の最爱", None),  # a kana used as a decoration
        ("前台態度很差", None),  # Traditional
        ("K歌", None),
        ("〇〇", None),
        ("𠮷野家不错", None),  # a character beyond the basic plane
        ("12345678901234567890元", "too_short"),  # digits are no letters
        ("花了1234567890123元", None),
    ],
)
def test_reason(text: str, reason: Reason | None) -> None:
    assert reason_for(text) == reason
    assert reason_for(text, normalise(text).text) == reason


def test_too_long_starts_beyond_the_limit() -> None:
    assert reason_for("好" * MAX_CHARS) is None
    assert reason_for("好" * (MAX_CHARS + 1)) == "too_long"
    assert reason_for("差评。" * 350_000) == "too_long"


def test_a_comment_of_one_character_a_hundred_times_is_read() -> None:
    assert reason_for("好" * 100) is None


def test_too_short_and_too_long_are_read_all_the_same() -> None:
    assert frozenset({"empty", "not_chinese"}) == UNREAD


@given(st.text(st.characters(), max_size=60))
def test_any_text_has_an_answer_and_punctuation_does_not_change_it(text: str) -> None:
    # st.characters() includes lone surrogates and every control character.
    reason = reason_for(text)
    assert reason in {None, "empty", "too_short", "not_chinese"}
    assert reason_for(f"{text} 。") == reason

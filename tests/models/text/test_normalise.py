import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.text.normalise import Normalised, normalise

# Pieces that interact: HTML in the making, joiners, phrases of Traditional Chinese, runs, white space.
PIECES = st.sampled_from(
    [
        *("38", "amp;", "lt;", "nbsp", "br", "b", "img", "&#8203;", "<a href='x'>", "臺灣"),
        *"<>&;/=#＜＆；哈乾隆裡里薴著♀👩🏻！….１1㎡¨ﷺ \n\u3000\u200b\u200d\ufe0f\u0301\ud800\0",
    ]
)
PUZZLES = st.lists(PIECES, max_size=14).map("".join)
TEXTS = st.one_of(st.text(st.characters(), max_size=40), PUZZLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("前台态度很差", "前台态度很差"),  # nothing to do
        ("", ""),  # empty
        (" \n\t\u3000", ""),  # white space alone
        ("不错，很好！", "不错,很好!"),  # full-width and half-width punctuation are one
        ("不错,很好!", "不错,很好!"),
        ("好。差、贵", "好。差、贵"),  # punctuation without a half-width form stays
        ("ＡＰＰ１２３", "APP123"),  # full-width letters and digits
        ("ｶﾞ㎡①", "カ\u3099m21"),  # compatibility characters, one of them two letters long
        ("质量很差\x00\ud800\ufffd退货", "质量很差 退货"),  # NUL, lone surrogate, replacement character
        ("第一行\r\n\r\n第二行", "第一行 第二行"),  # line breaks
        ("哈哈哈哈哈", "哈哈哈"),  # a run
        ("差！！！!!!!", "差!!!"),  # a run of both widths
        ("等了……", "等了..."),  # ellipsis
        ("好好好", "好好好"),  # three are no run
        ("电话13800000000，价格100000", "电话13800000000,价格100000"),  # digits never collapse
        ("１００００００", "1000000"),  # nor do full-width digits
        ("服務態度很差，裡面不乾淨", "服务态度很差,里面不干净"),  # Traditional
        ("乾隆年间的著名建筑", "乾隆年间的著名建筑"),  # phrases in which the character stays
        ("薴", "苎"),  # a conversion that takes two steps
        ("👍🏻👍🏿", "👍👍"),  # skin tones
        ("❤️好", "❤好"),  # variation selector
        ("🤷‍♀️", "🤷"),  # joiner and gender sign
        ("👩‍👧", "👩👧"),  # joiner between two people
        ("很\u200b好\ufeff", "很好"),  # invisible characters
        ("第一<br/>第二<BR>第三</p>", "第一 第二 第三"),  # tags that part
        ("非常<em>不错</em>的", "非常不错的"),  # tags that mark words
        ('<a href="x" target=_blank>好</a>', "好"),  # attributes
        (
            "好&nbsp;吃&amp;便宜&lt;br&gt;&#128077;&#x4F60;",
            "好 吃&便宜 👍你",
        ),  # entities, and a tag made of them
        ("&amp;amp;nbsp;好", "好"),  # escaped again and again
        ("＜br＞好", "好"),  # a tag in full width
        ("&unknown;", "&unknown;"),  # no entity
        ("AT&T", "AT&T"),
        ("&#99999999999;好", "好"),  # no code point
        ("&Eacute;&eacute;&NBSP;a", "Éé a"),  # case matters where there are two, and only there
        ("a<b", "a<b"),  # a comparison
        ("爱你<3", "爱你<3"),  # a heart
        ("价格<100元>好", "价格<100元>好"),  # no tag name
        ("<好评>", "<好评>"),
        ("x<b 好>", "x<b 好>"),  # an attribute has a "="
    ],
)
def test_normalise_gives_one_form(text: str, expected: str) -> None:
    assert normalise(text).text == expected


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("前台态度很差，房间不错", "房间不错", "房间不错"),  # the fast road
        ("  前台差", "前台差", "前台差"),  # trimmed at the front
        ("服務&nbsp;很差", "很差", "很差"),  # behind an entity
        ("<b>服務</b>很差", "服务", "服務"),  # inside a tag
        ("太好啦啦啦啦啦啦，推荐", "啦啦啦", "啦啦啦啦啦啦"),  # a run gives the whole run
        ("太好啦啦啦啦啦啦，推荐", "推荐", "推荐"),
        ("好👍🏻👍🏻赞", "👍👍", "👍🏻👍"),  # a skin tone between two bases, none at the end
        ("面积30㎡大", "m2", "㎡"),  # two characters from one
        ("面积30㎡大", "2大", "㎡大"),  # half a character gives the whole
        ("好…差", "...", "…"),
        ("第一\r\n\r\n第二", "一 第", "一\r\n\r\n第"),  # a gap inside
    ],
)
def test_original_span_finds_the_customers_words(text: str, part: str, expected: str) -> None:
    normalised = normalise(text)
    start = normalised.text.index(part)

    begin, end = normalised.original_span(start, start + len(part))

    assert text[begin:end] == expected


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("  好 ", 0, 2),  # before the first
        ("  好 ", 1, 3),  # behind the last
        ("  ", 0, 0),  # nothing is left
    ],
)
def test_empty_span_stays_empty(text: str, at: int, expected: int) -> None:
    assert normalise(text).original_span(at, at) == (expected, expected)


@pytest.mark.parametrize("span", [(-1, 1), (1, 0), (0, 3)])
def test_span_outside_the_text_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=r"lies outside the normalised text; allowed is .* <= 2; give offsets"
    ):
        normalise("好的").original_span(*span)


@given(TEXTS)
@example("&amp;" * 20 + "nbsp;")  # deeper than entities are resolved
@example("<" * 20 + "b>" * 20)  # tags that form as tags go
@example("乾乾乾乾隆")  # a phrase at the end of a run
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text).text

    assert normalise(once).text == once


@given(TEXTS)
def test_every_character_has_a_span_of_the_original(text: str) -> None:
    normalised = normalise(text)

    assert len(normalised.starts) == len(normalised.ends) == len(normalised.text)
    assert list(normalised.starts) == sorted(normalised.starts)
    assert list(normalised.ends) == sorted(normalised.ends)
    spans = zip(normalised.starts, normalised.ends, strict=True)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@given(TEXTS)
def test_plain_characters_come_from_themselves(text: str) -> None:
    normalised = normalise(text)

    for character, start, end in zip(normalised.text, normalised.starts, normalised.ends, strict=True):
        if character in text[start:end]:
            continue
        # Whatever is not its own origin was made from something that is no plain character.
        assert normalise(text[start:end]).text != text[start:end]


@given(TEXTS)
def test_result_has_no_control_character_no_long_run_no_stray_space(text: str) -> None:
    result = normalise(text).text

    assert not any(ord(character) < 0x20 or 0xD800 <= ord(character) < 0xE000 for character in result)
    assert result == " ".join(result.split())
    assert not any(
        not result[place].isdigit() and result[place] * 4 == result[place : place + 4]
        for place in range(len(result))
    )


def test_surroundings_do_not_matter_to_the_reading() -> None:
    # The slow road (HTML, emoji) and the fast one give plain words the same form.
    plain = "房间很干净，早餐种类少"

    assert normalise(plain + "<br>").text == normalise(plain).text
    assert normalise("❤️" + plain).text == "❤" + normalise(plain).text


@pytest.mark.parametrize(
    "unit",
    ["<", "<a ", "<a =", "&", "&#9", "乾", "乾隆", "&amp;", "…", " a", "<b>", "服務很差，"],
)
def test_a_megabyte_is_read(unit: str) -> None:
    # Linear: quadratic work on 300,000 characters would not return.
    text = unit * (300_000 // len(unit))

    normalised = normalise(text)

    assert isinstance(normalised, Normalised)
    assert len(normalised.starts) == len(normalised.text)

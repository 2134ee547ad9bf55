import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.clauses import LONG_CLAUSE, clauses

PIECES = st.sampled_from(
    [
        *("前台", "态度差", "但是", "但", "所以", "iPhone", "http://", "[手机号]", "[微笑]", "1、", "2.5"),
        *"，。！…、：()[]“”👍1①@- \n\u3000\u200b\ud800\0",
    ]
)
TEXTS = st.one_of(st.text(st.characters(), max_size=60), st.lists(PIECES, max_size=20).map("".join))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("前台态度很差，房间不错。", ["前台态度很差", "房间不错"]),  # Chinese punctuation
        ("前台态度很差,房间不错.早餐少!", ["前台态度很差", "房间不错", "早餐少"]),  # ASCII punctuation
        ("很差\n不会再来\r\n退货", ["很差", "不会再来", "退货"]),  # line breaks
        ("太慢……客服不理人~~~", ["太慢", "客服不理人"]),  # ellipsis and tildes
        ("味道好 服务差　环境一般", ["味道好", "服务差", "环境一般"]),  # spaces between Chinese characters
        ("用 iPhone 12 Pro 拍照", ["用 iPhone 12 Pro 拍照"]),  # spaces around foreign words
        ("好吃👍👍🏻服务好❤️", ["好吃", "服务好"]),  # emoji
        ("不错[微笑]下次再来", ["不错", "下次再来"]),  # emoticon in words
        ("房间小（没有窗户）还贵", ["房间小", "没有窗户", "还贵"]),  # brackets
        ("外观：很漂亮；手感：一般", ["外观", "很漂亮", "手感", "一般"]),  # headings
        ("评分3.5分，花了1,000元", ["评分3.5分", "花了1,000元"]),  # decimal point, thousands
        ("花了１，０００元", ["花了１，０００元"]),  # the same in full width
        ("花了100,3个人吃", ["花了100", "3个人吃"]),  # a comma that is no thousands separator
        ("12:30下单，13：05才到", ["12:30下单", "13：05才到"]),  # times
        ("Type-C接口松，i7-13700H很快", ["Type-C接口松", "i7-13700H很快"]),  # model numbers
        (
            "见https://a.cn/b?c=1,2，打不开",
            ["见https://a.cn/b?c=1", "2", "打不开"],
        ),  # address up to the comma
        ("发到a.b@qq.com了，没回", ["发到a.b@qq.com了", "没回"]),  # e-mail
        ("他说“不错，真好”就走了，差", ["他说“不错，真好”就走了", "差"]),  # a short quotation
        ("联系[手机号]，没人接", ["联系[手机号]", "没人接"]),  # what masking left
        ("1.房间小 2、隔音差 3）吵", ["房间小", "隔音差", "吵"]),  # ordinals
        ("①房间小②隔音差", ["房间小", "隔音差"]),
        ("总价20。很贵", ["总价20", "很贵"]),  # a number at the end is no ordinal
        ("鱼、虾、蟹都新鲜", ["鱼、虾、蟹都新鲜"]),  # a short list
        ("打不开首页、一直闪退", ["打不开首页", "一直闪退"]),  # a list of clauses
        ("但是味道不错", ["味道不错"]),  # the conjunction opens, and is no evidence
        ("但是", ["但是"]),  # nothing but a conjunction
        ("不但好吃，但凡去过的都说好", ["不但好吃", "但凡去过的都说好"]),  # no conjunctions
        (
            "这家店的位置确实非常难找但是味道真的很不错",  # a long clause turns
            ["这家店的位置确实非常难找", "味道真的很不错"],
        ),
        ("位置难找但是好吃", ["位置难找但是好吃"]),  # a short one is left whole
        ("，，。！", []),  # punctuation alone
        ("  \n ", []),
        ("", []),
        ("  “很好” ", ["很好"]),  # edges are trimmed
    ],
)
def test_clauses(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in clauses(text)] == expected


@given(TEXTS)
def test_spans_are_ordered_disjoint_and_never_empty(text: str) -> None:
    last = 0
    for start, end in clauses(text):
        assert last <= start < end <= len(text)
        assert text[start:end].strip(" \n\u3000，。！？,!?、；;") == text[start:end]
        last = end


@given(TEXTS)
def test_every_chinese_word_but_an_opening_conjunction_is_in_a_clause(text: str) -> None:
    spans = clauses(text)
    inside = {place for start, end in spans for place in range(start, end)}

    for word in ("前台", "态度差"):
        place = text.find(word)
        if place >= 0:
            assert place in inside


@given(st.lists(st.sampled_from(["前台态度差", "价格贵", "3.5分", "iPhone 12"]), min_size=1, max_size=6))
def test_plain_clauses_come_back(parts: list[str]) -> None:
    text = "，".join(parts)

    assert [text[start:end] for start, end in clauses(text)] == parts


def test_cuts_only_what_is_long() -> None:
    short = "位置" + "好" * (LONG_CLAUSE - 8) + "但是味道不错"
    long = "位置" + "好" * (LONG_CLAUSE - 7) + "但是味道不错"

    assert len(clauses(short)) == 1
    assert len(clauses(long)) == 2


@pytest.mark.parametrize(
    "unit", ["但是", "、", "好吃、", "“", "[好", "1、", "a-", "a.", "-", "http://", " 好", "，"]
)
def test_long_texts_are_read(unit: str) -> None:
    # Linear: quadratic work on 200,000 characters would not return.
    text = unit * (200_000 // len(unit))

    assert all(start < end for start, end in clauses(text))

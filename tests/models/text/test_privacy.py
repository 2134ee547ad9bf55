import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.text.privacy import PLACEHOLDERS, Finding, Kind, Masked, mask

MASKED: list[tuple[str, str]] = [
    # Mobile numbers
    ("电话13800138000谢谢", "电话[手机号]谢谢"),  # between Chinese characters
    ("13800138000", "[手机号]"),  # the whole text
    ("请打138-0013-8000", "请打[手机号]"),  # hyphens
    ("请打138 0013 8000", "请打[手机号]"),  # spaces
    ("请打138.0013.8000", "请打[手机号]"),  # dots
    ("请打１３８００１３８０００", "请打[手机号]"),  # full-width digits
    ("请打138－0013－8000", "请打[手机号]"),  # full-width hyphens
    ("请打138\u200b0013\u200b8000", "请打[手机号]"),  # invisible characters
    ("请打1380 0138 000", "请打[手机号]"),  # grouped 4-4-3
    ("请打13800 138000", "请打[手机号]"),  # grouped 5-6
    ("请打1 3 8 0 0 1 3 8 0 0 0", "请打[手机号]"),  # digit by digit
    ("+8613800138000", "[手机号]"),  # the country code belongs to the number
    ("+86 138 0013 8000", "[手机号]"),
    ("008613800138000", "[手机号]"),
    ("8613800138000", "[手机号]"),
    ("(+86)13800138000", "[手机号]"),
    ("013800138000", "[手机号]"),  # long-distance prefix
    ("tel:13800138000", "tel:[手机号]"),  # behind Latin letters
    ("张三13800138000/李四19912345678", "张三[手机号]/李四[手机号]"),  # two, all ranges from 13 to 19
    ("我的订单手机号13800138000", "我的订单手机号[手机号]"),  # an order's telephone is no order number
    ("http://a.cn/x?tel=13800138000", "http://a.cn/x?tel=[手机号]"),  # the query of an address
    # Landlines
    ("打010-12345678", "打[座机号]"),  # area code of three
    ("打0755-1234567", "打[座机号]"),  # area code of four, seven digits
    ("打（010）12345678", "打[座机号]"),  # full-width brackets
    ("打(0571) 8765 4321", "打[座机号]"),  # grouped
    ("打02187654321", "打[座机号]"),  # without a gap
    ("打+86-10-87654321", "打[座机号]"),  # from abroad
    ("打010-87654321转802", "打[座机号]"),  # extension
    ("打010-87654321-802", "打[座机号]"),
    ("010-87654321-021-87654321", "[座机号]-[座机号]"),  # a second number is no extension
    ("座机87654321", "座机[座机号]"),  # without an area code when named
    ("固定电话：8765-4321", "固定电话：[座机号]"),
    # Resident identity numbers
    ("身份证11010519491231002X", "身份证[身份证号]"),  # check digit X
    ("11010519491231002x", "[身份证号]"),  # small x
    ("440308199901101512", "[身份证号]"),  # need not be named
    ("１１０１０５１９４９１２３１００２Ｘ", "[身份证号]"),  # full width
    ("310101 19881305 1237, 440308 19990110 1512", "310101 19881305 1237, [身份证号]"),  # grouped; month 13
    ("订单号440308199901101512", "订单号[身份证号]"),  # too exact a form to be an order number by chance
    ("身份证号码：130503670401001", "身份证号码：[身份证号]"),  # the old 15 digits, named
    # Bank cards
    ("卡号4111111111111111", "卡号[银行卡号]"),  # 16 digits
    ("卡号6222021234567890128", "卡号[银行卡号]"),  # 19 digits
    ("6222 0212 3456 7894", "[银行卡号]"),  # groups of four
    ("6222-0212-3456-7890-128", "[银行卡号]"),
    ("6222 0212 3456 7894 12元", "[银行卡号] 12元"),  # the next number does not belong to it
    ("4111 1111 1111 1111 138 0013 8000", "[银行卡号] [手机号]"),
    ("3566123456789015", "[银行卡号]"),  # JCB
    ("9558801234567890128", "[银行卡号]"),  # an old range of ICBC
    # E-mail
    ("发到zhang.san+a@mail.example.com.cn吧", "发到[邮箱]吧"),  # dots, plus and subdomains
    ("ＡＢＣ＠ｑｑ．ｃｏｍ", "[邮箱]"),  # full width
    ("12345678@qq.com", "[邮箱]"),  # an account and no QQ number
    ("13800138000@163.com", "[邮箱]"),  # not the number alone
    # Licence plates
    ("车牌京A12345", "车牌[车牌号]"),
    ("粤B·D12345违停", "[车牌号]违停"),  # new energy, small car
    ("沪A12345D", "[车牌号]"),  # new energy, large vehicle
    ("苏E·8K3M2", "[车牌号]"),  # letters among the digits
    ("川a88888", "[车牌号]"),  # small letter
    ("京A1234警", "[车牌号]"),  # police
    ("新A·R900P，车牌新AR900P", "[车牌号]，车牌[车牌号]"),  # a province that is also "new": dot or name
    # WeChat and QQ, when named
    ("微信abc_12345", "微信[微信号]"),
    ("微信号：zhangsanfeng", "微信号：[微信号]"),  # letters alone behind "号："
    ("加v abc12345", "加v [微信号]"),
    ("VX:13800138000", "VX:[微信号]"),  # a telephone number as an account
    ("wx同号13800138000", "wx同号[微信号]"),
    ("微信id：abc12345", "微信id：[微信号]"),
    ("wxid_a1b2c3d4e5", "[微信号]"),  # names itself
    ("QQ12345678", "QQ[QQ号]"),
    ("扣扣：10001", "扣扣：[QQ号]"),
    ("企鹅号是 123456789", "企鹅号是 [QQ号]"),
    ("微信/QQ同号：12345678", "微信/QQ同号：[QQ号]"),
]

KEPT: list[str] = [
    "价格1,299.00元，省了13800元",  # prices
    "营业额13800138000元",  # eleven digits of money
    "￥13800138000",
    "2026-11-02 13:45:00下单，20261102到",  # dates and times
    "13:30-15:30，2026.11.02",
    "订单号20261102123456789",  # order number
    "订单号：4111111111111111",  # passes Luhn, and is named as an order
    "订单编号 4111 1111 1111 1111",  # in groups
    "单号13800138000没收到",  # a mobile number's form, and named as an order
    "快递单号SF1380013800012，运单YT6222021234567894",  # letters first
    "流水号：4111111111111111、6222021234567894",  # a list of them
    "4111111111111111这个订单",  # named behind
    "IMEI：356612345678901，SN 13800138000",  # devices
    "编号6222021234567894",
    "取件码13800138000",
    "iPhone 13、i7-13700H、RTX4060、15.6寸",  # model numbers
    "新R9000P很好，新Y7000P也行，新K50Pro",  # models behind an everyday "new"
    "华为Mate40Pro，京东A1234",  # no plate
    "打10086、12345和95588",  # public service numbers
    "客服400-820-8820或4008208820、800-810-8888",  # hotlines
    "电话400-8123-123",
    "电话20261102打的",  # a date behind "电话"
    "版本8.0.50，3.14159265358979，0.13800138000",  # versions and decimals
    "评分9.5，4.8/5，1-0",  # scores
    "1380013800013900139000",  # a longer number is not masked in part
    "213800138000",
    "4111111111111112",  # Luhn fails
    "1111111111111117",  # no bank's prefix
    "A4111111111111111",  # a code
    "110105194912310021",  # check digit fails
    "990105194912310023",  # no such region
    "110105200102290125",  # no such day
    "130503670401001",  # 15 digits without a name
    "身份证130503671301001",  # month 13
    "12345678，87654321",  # eight digits without a name
    "0101-2345，06-87654321",  # no area code
    "微信支付10000元，微信20231102更新",  # amounts and dates behind the name
    "微信iPhone13闪退，微信 android12",  # devices behind the name
    "微信wechat登录",  # a word behind the name
    "加vivo手机，加VIP会员",  # other words with v
    "QQ音乐，QQ9.0.5，QQ飞车 10000元",  # other things of QQ
    "a@b，@张三，3@5.6",  # no address
    "https://item.cn/13800138000.html",  # a page's number
    "https://a.cn:8080/goods/6222021234567894",
    "ISBN 9787020123456",
    "客服态度差，等了30分钟",  # nothing at all
    "",
]

PHONES = st.builds("1{}{}".format, st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9))
PIECES = st.sampled_from(
    [
        *("13800138000", "138-0013-8000", "qq.com", "微信", "号", "qq", "wx", "加v", "abc12345", "010"),
        *("12345678", "(010)", "+86", "京", "A12345", "6222021234567894", "4111 1111 1111 1111", "订单号"),
        *("11010519491231002X", "身份证", "130503670401001", "88881234", "[手机号]", "转", "802", "元", "0"),
        *("车牌", "车牌号", "新R9000P", "http://", "4008123123", "wxid_", "电话", "IMEI", "的订单"),
        *"１13ａ .-/,、：@_·[]{}\n\ud800\0",
    ]
)
TEXTS = st.one_of(st.text(st.characters(), max_size=40), st.lists(PIECES, max_size=12).map("".join))


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_personal_numbers_are_masked(text: str, expected: str) -> None:
    assert mask(text).text == expected


@pytest.mark.parametrize("text", KEPT)
def test_other_numbers_stay(text: str) -> None:
    assert mask(text) == Masked(text, ())


def test_findings_say_what_stood_where() -> None:
    text = "客服138-0013-8000，邮箱a@b.cn，车京A12345。"

    masked = mask(text)

    assert masked.text == "客服[手机号]，邮箱[邮箱]，车[车牌号]。"
    assert masked.findings == (
        Finding("mobile", 2, 15, 2, 7),
        Finding("email", 18, 24, 10, 14),
        Finding("licence_plate", 26, 33, 16, 21),
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("13800138000", "mobile"),
        ("010-87654321", "landline"),
        ("11010519491231002X", "resident_id"),
        ("4111111111111111", "bank_card"),
        ("a@b.cn", "email"),
        ("京A12345", "licence_plate"),
        ("微信号：abc12345", "wechat"),
        ("QQ：12345678", "qq"),
    ],
)
def test_each_kind_is_named(text: str, kind: Kind) -> None:
    masked = mask(text)

    assert [finding.kind for finding in masked.findings] == [kind]
    assert masked.text.endswith(PLACEHOLDERS[kind])


@given(TEXTS)
def test_text_outside_the_findings_is_unchanged(text: str) -> None:
    masked = mask(text)

    rebuilt = ""
    done = masked_done = 0
    for finding in masked.findings:
        between = masked.text[masked_done : finding.masked_start]
        assert text[done : finding.start] == between
        assert masked.text[finding.masked_start : finding.masked_end] == PLACEHOLDERS[finding.kind]
        rebuilt += between + text[finding.start : finding.end]
        done, masked_done = finding.end, finding.masked_end
    assert rebuilt + masked.text[masked_done:] == text


@given(TEXTS)
@example("http://11010519491231002Xn：11010519491231002X：4111 1111 1111 1111")  # a find next to an address
@example("电话88881234-010-12345678")  # a find that frees a number before it
@example("车牌京A12345新R9000P")  # a name that the placeholder repeats
def test_masking_twice_finds_nothing_new(text: str) -> None:
    assert mask(mask(text).text).findings == ()


@given(
    st.text(st.sampled_from("好吃慢 ，。\n!abc"), max_size=20),
    PHONES,
    st.sampled_from(["", " ", "-", "."]),
    st.text(st.sampled_from("好吃慢，。\n!abc"), max_size=20),
)
def test_no_digit_of_a_mobile_number_is_left(before: str, phone: str, gap: str, after: str) -> None:
    number = gap.join((phone[:3], phone[3:7], phone[7:]))

    masked = mask(before + number + after)

    assert masked.text == f"{before}[手机号]{after}"


@given(st.text("0123456789", min_size=20, max_size=60))
def test_digits_that_are_too_many_are_left_whole(digits: str) -> None:
    assert mask(digits).text == digits


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(mask(text), Masked)


@pytest.mark.parametrize(
    "unit",
    [
        *("1", "1 ", "13", "1101051949", "110105 ", "4111 ", "010-", "0755-1234567-", "京A", "a@", "a."),
        *("微信", "wx:a-", "身份证", "订单号", "订单号a-", "、123456789012", "http://", "13800138000 "),
    ],
)
def test_long_texts_are_read(unit: str) -> None:
    # Linear: quadratic work on 200,000 characters would not return.
    text = unit * (200_000 // len(unit))

    masked = mask(text)

    assert mask(masked.text).findings == ()

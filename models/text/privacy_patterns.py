r"""The patterns behind masking, one per kind of number. Each has a group ``value``: what is to be masked.

They read folded text (half width). Every repeat is bounded or possessive, so that no text makes them slow.
Where a pattern ends in ``(?![0-9])`` it refuses to take part of a longer number.
"""

import re
from typing import Final

FOLD: Final[dict[int, str]] = {
    **{0xFF01 + offset: chr(0x21 + offset) for offset in range(94)},
    **{0x1D7CE + offset: str(offset % 10) for offset in range(50)},
    **dict.fromkeys((0xA0, 0x3000, *range(0x2002, 0x200B)), " "),
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
}
"""For str.translate: full-width and mathematical digits, spaces and dashes to ASCII, one to one."""

SUSPICIOUS: Final = re.compile("[0-9@]|微信|薇信|威信|v信|[vw]x|加[v薇]|wechat|weixin", re.IGNORECASE)
"""Texts without a match hold nothing that the other patterns could find."""

# Between the groups of a number: space, hyphen, dot or invisible character.
_GAP = r"[ \-.\u200b-\u200d\u2060\ufeff]{0,2}"
_GAP_NEEDED = r"[ \-.\u200b-\u200d\u2060\ufeff]{1,2}"

EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+\-])(?P<value>[A-Za-z0-9._%+\-]++@(?:[A-Za-z0-9\-]++\.)+[A-Za-z]{2,24})"
)

_MONTH_DAY = "[01][0-9][0-3][0-9]"
RESIDENT_ID: Final = re.compile(
    rf"(?<![0-9])(?P<value>[1-8][0-9]{{5}}[ \-]?(?:18|19|20)[0-9]{{2}}{_MONTH_DAY}[ \-]?"
    r"[0-9]{3}[0-9Xx])(?![0-9])"
)
OLD_RESIDENT_ID: Final = re.compile(
    rf"身份证(?:号码?|是|为|[: ]){{0,5}}(?P<value>[1-8][0-9]{{7}}{_MONTH_DAY}[0-9]{{3}})(?![0-9])"
)

HOTLINE: Final = re.compile(rf"(?<![0-9])(?P<value>[48]00(?:{_GAP}[0-9]){{7}})(?![0-9])")
# Host, port and path; what a query holds may be personal.
WEB_PATH: Final = re.compile(
    r"(?P<value>https?://[A-Za-z0-9/._~%+\-]++(?::[0-9]{2,5}(?![0-9])[A-Za-z0-9/._~%+\-]*+)?)",
    re.IGNORECASE,
)
# "订单号：20261102123456789、20261102123456790", "SN 13800138000", "快递单号SF1380013800012".
NAMED_ELSE: Final = re.compile(
    r"(?:订单|单号|运单|快递单|流水|编号|编码|序列号|货号|批号|批次号?|票号|合同号|工号|保单号?|案号|学号"
    r"|(?:取件|取货|券|兑换|核销|验证|条形?|激活|追溯|防伪)码"
    r"|(?<![A-Za-z])(?:imei|meid|iccid|s/?n|sku|isbn|order|id))"
    r"(?:号码?|编号|代码|是|为|no\.?|number|[:#= \"“(]){0,6}"
    r"(?P<value>(?:[0-9]{4}(?:[ \-][0-9]{4}){2,4}(?![0-9])"
    r"|(?=[A-Za-z]*+[0-9])[A-Za-z0-9]++(?:[\-_][A-Za-z0-9]++)*+)"
    r"(?:[、,/和及 ]{1,2}[0-9]{12,}+)*+)",
    re.IGNORECASE,
)

_FILLER = r"(?P<filler>(?:同号|号码?|[账帐]号|id|群|加我|加|搜索?|联系|找我|是|为|[:=+ /,]){0,6})"
_NO_AMOUNT = "(?! ?(?:元|块|万|次|个|人|年|月|版|分|%))"
WECHAT_ID: Final = re.compile(r"(?<![A-Za-z0-9_\-])(?P<value>wxid_[A-Za-z0-9]{6,}+)", re.IGNORECASE)
WECHAT: Final = re.compile(
    rf"(?:微信|薇信|威信|v信|wechat|weixin|(?<![A-Za-z])[vw]x|加(?:v(?![A-Za-z])|薇)){_FILLER}"
    r"(?!iphone|ipad|ios|android|windows|harmony|huawei|xiaomi|redmi|oppo|vivo|version)"
    rf"(?P<value>[A-Za-z0-9][A-Za-z0-9_\-]{{5,}}+){_NO_AMOUNT}",
    re.IGNORECASE,
)
QQ: Final = re.compile(
    rf"(?:(?<![A-Za-z])qq|扣扣|q号|加q|企鹅号|(?<![A-Za-z])q(?=[:群])){_FILLER}"
    rf"(?P<value>[1-9][0-9]{{4,10}})(?![0-9]){_NO_AMOUNT}",
    re.IGNORECASE,
)


def _bank_card(digits: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![A-Za-z0-9¥￥$])(?P<value>(?=62|60|4|5|3[57]|9558){digits})(?![A-Za-z0-9])"
        "(?! ?(?:这个|这|那个|那|的|是)?(?:订单|单号|运单|快递单))"
    )


_GROUPS_OF_FOUR = r"[0-9]{4}(?:[ \-][0-9]{4}){3}"
BANK_CARD: Final = _bank_card(rf"(?:[0-9]{{16,19}}|{_GROUPS_OF_FOUR}[ \-]?[0-9]{{1,3}})")
BANK_CARD_OF_16: Final = _bank_card(_GROUPS_OF_FOUR)
"""Tried after BANK_CARD: what follows the fourth group may be another number."""

_COUNTRY = r"(?:\((?:\+|00)?86\)|(?:\+|00)?86)[ \-]?"
# Grouped 3-4-4, 3-3-5, 4-3-4, 4-4-3, 5-6, 6-5 or digit by digit; 13800138000 itself is 3-4-4 without gaps.
MOBILE: Final = re.compile(
    rf"(?<![0-9¥￥$])(?<![^0-9]0\.)(?<!^0\.)(?P<value>(?:{_COUNTRY}|0)?"
    rf"(?:1[3-9][0-9](?:{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}|{_GAP_NEEDED}[0-9]{{3}}{_GAP_NEEDED}[0-9]{{5}})"
    rf"|1[3-9][0-9]{{2}}{_GAP_NEEDED}(?:[0-9]{{3}}{_GAP_NEEDED}[0-9]{{4}}|[0-9]{{4}}{_GAP_NEEDED}[0-9]{{3}})"
    rf"|1[3-9][0-9]{{3}}{_GAP_NEEDED}[0-9]{{6}}|1[3-9][0-9]{{4}}{_GAP_NEEDED}[0-9]{{5}}"
    rf"|1{_GAP_NEEDED}[3-9](?:{_GAP_NEEDED}[0-9]){{9}}))(?! ?元)(?![0-9])"
)
_AREA = "(?:10|2[0-57-9]|[3-9][0-9]{2})"
LANDLINE: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?<![0-9]\.)(?P<value>(?:\(0{_AREA}\)|{_COUNTRY}0?{_AREA}|0{_AREA})[ \-]{{0,3}}"
    r"[1-9][0-9]{2,3}[ \-]?[0-9]{4}(?![0-9])"
    r"(?: ?(?:转|分机|ext\.?|x)[ :]?[0-9]{2,6}(?![0-9])|-[0-9]{2,6}(?![0-9]|[ \-][0-9]{7}))?)",
    re.IGNORECASE,
)
# Without an area code only when named, and not when it reads as a date.
NAMED_LANDLINE: Final = re.compile(
    r"(?:座机|固话|固定电话|电话|(?<![A-Za-z])tel)(?:号码?|是|为|[:. ]){0,4}"
    r"(?!(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9])"
    r"(?P<value>[2-8][0-9]{2,3}[ \-]?[0-9]{4})(?![0-9]|-[0-9])(?! ?元)",
    re.IGNORECASE,
)

LICENCE_PLATE: Final = re.compile(
    r"(?P<named>车牌号?码?(?:是|为|[: ]){0,3})?"
    "(?P<value>(?P<province>[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])"
    r"[A-HJ-NP-Z] ?(?P<dot>[·•・.\-]?) ?"
    "(?P<serial>[DF][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[DF]|(?=[A-Z]{0,4}[0-9])[A-HJ-NP-Z0-9]{5}"
    "|[A-HJ-NP-Z0-9]{4}[警挂学港澳]))(?![A-Za-z0-9])",
    re.IGNORECASE,
)

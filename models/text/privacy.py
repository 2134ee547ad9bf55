"""Masking what identifies a person: telephone and identity numbers, bank cards, addresses, plates, accounts.

Detection reads a folded copy of the text (full width to half width, one to one), so that offsets stay. The
detectors run in an order of certainty, and each sees the finds of those before it blanked out: a number is
masked once and as a whole or not at all, and masking a masked text finds nothing new.

Sources: GB 11643-1999 and ISO 7064 MOD 11-2 (resident identity number), ISO/IEC 7812-1 (card number, Luhn),
GA 36-2018 (licence plate), the numbering plan of the Chinese public telephone network.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from models.text import privacy_patterns as patterns

Kind = Literal["mobile", "landline", "resident_id", "bank_card", "email", "licence_plate", "wechat", "qq"]

PLACEHOLDERS: Final[dict[Kind, str]] = {
    "mobile": "[手机号]",
    "landline": "[座机号]",
    "resident_id": "[身份证号]",
    "bank_card": "[银行卡号]",
    "email": "[邮箱]",
    "licence_plate": "[车牌号]",
    "wechat": "[微信号]",
    "qq": "[QQ号]",
}


_Found = tuple[int, int, Kind]

_ROUNDS: Final = 8
"""A find may uncover another that its digits had hidden; two rounds settle all but contrived texts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One masked span: ``original[start:end]`` became ``masked[masked_start:masked_end]``, in code points."""

    kind: Kind
    start: int
    end: int
    masked_start: int
    masked_end: int


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with placeholders, and what they stand for: ``findings`` in order of position, disjoint."""

    text: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Detector:
    """Finds the group ``value`` of ``pattern`` where ``is_valid`` agrees. Without a kind it is left alone."""

    kind: Kind | None
    pattern: re.Pattern[str]
    is_valid: Callable[[re.Match[str]], bool] = lambda match: True

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        position = 0
        while match := self.pattern.search(text, position):
            if self.is_valid(match):
                yield match.span("value")
                position = match.end("value")
            else:
                position = match.start() + 1


def mask(text: str) -> Masked:
    """Replace personal numbers and addresses by placeholders such as ``[手机号]``.

    Masked are Chinese mobile and landline numbers, resident identity numbers (check digit, region and date
    must fit), bank card numbers (prefix and Luhn must fit), e-mail addresses, licence plates, and WeChat and
    QQ accounts that are named as such. Prices, dates, model numbers, public service numbers (95588, 400-...)
    and whatever is named as an order, parcel or serial number stay. Never raises; linear in the text.
    """
    folded = text.translate(patterns.FOLD)
    if patterns.SUSPICIOUS.search(folded) is None:
        return Masked(text, ())
    found: list[_Found] = []
    for _ in range(_ROUNDS):
        fresh = _detected(folded)
        if not fresh:
            break
        found += fresh
        folded = _blanked(folded, [(start, end) for start, end, _ in sorted(fresh)])
    return _with_placeholders(text, sorted(found))


def _detected(folded: str) -> list[_Found]:
    found: list[_Found] = []
    for detector in _DETECTORS:
        spans = list(detector.spans(folded))
        folded = _blanked(folded, spans)
        if detector.kind is not None:
            found += [(start, end, detector.kind) for start, end in spans]
    return found


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with brackets, which stop every pattern just as a placeholder's do, over the spans."""
    if not spans:
        return text
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += (text[done:start], "]" * (end - start))
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _with_placeholders(text: str, found: list[_Found]) -> Masked:
    pieces: list[str] = []
    findings: list[Finding] = []
    done = 0
    length = 0
    for start, end, kind in found:
        placeholder = PLACEHOLDERS[kind]
        pieces += (text[done:start], placeholder)
        length += start - done
        findings.append(Finding(kind, start, end, length, length + len(placeholder)))
        length += len(placeholder)
        done = end
    pieces.append(text[done:])
    return Masked("".join(pieces), tuple(findings))


def _digits(value: str) -> str:
    return re.sub("[^0-9Xx]", "", value)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def _is_resident_id(match: re.Match[str]) -> bool:
    number = _digits(match["value"]).upper()
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if number[:2] not in _PROVINCE_CODES or not _is_date(year, month, day):
        return False
    weighted = sum(int(digit) * (1 << (17 - place)) for place, digit in enumerate(number[:17]))
    return "10X98765432"[weighted % 11] == number[17]


def _is_old_resident_id(match: re.Match[str]) -> bool:
    number = match["value"]
    year, month, day = 1900 + int(number[6:8]), int(number[8:10]), int(number[10:12])
    return number[:2] in _PROVINCE_CODES and _is_date(year, month, day)


def _passes_luhn(match: re.Match[str]) -> bool:
    digits = [int(digit) for digit in reversed(_digits(match["value"]))]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_account(match: re.Match[str]) -> bool:
    """An account and not the next word: unless "号", ":" or "id" says so, it must look made up."""
    if re.search("[:=号]|id", match["filler"], re.IGNORECASE):
        return True
    account = match["value"]
    if account.isdigit():
        return re.fullmatch("1[3-9][0-9]{9}", account) is not None
    return account[0].isalpha() and re.search(r"[0-9_\-]", account) is not None


def _is_plate(match: re.Match[str]) -> bool:
    """A plate and not "新R9000P": provinces that are everyday adjectives need a sign of a plate."""
    serial = match["serial"]
    letters = sum(character.isalpha() for character in serial)
    if len(serial) == 5 and letters > 2:
        return False
    if match["province"] not in _ADJECTIVES or match["named"] or match["dot"]:
        return True
    return letters == 0 or len(serial) == 6


_PROVINCE_CODES: Final = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
        ),
    )
)
_ADJECTIVES: Final = "新黑贵青"

# In order of certainty. What is named as something else comes before the numbers that only look like one.
_DETECTORS: Final = (
    _Detector("email", patterns.EMAIL),
    _Detector("resident_id", patterns.RESIDENT_ID, _is_resident_id),
    _Detector("resident_id", patterns.OLD_RESIDENT_ID, _is_old_resident_id),
    _Detector(None, patterns.HOTLINE),
    _Detector(None, patterns.WEB_PATH),
    _Detector("wechat", patterns.WECHAT_ID),
    _Detector("wechat", patterns.WECHAT, _is_account),
    _Detector("qq", patterns.QQ),
    _Detector(None, patterns.NAMED_ELSE),
    _Detector("bank_card", patterns.BANK_CARD, _passes_luhn),
    _Detector("bank_card", patterns.BANK_CARD_OF_16, _passes_luhn),
    _Detector("mobile", patterns.MOBILE),
    _Detector("landline", patterns.LANDLINE),
    _Detector("landline", patterns.NAMED_LANDLINE),
    _Detector("licence_plate", patterns.LICENCE_PLATE, _is_plate),
)

"""What can be believed of a comment before any model reads it.

Every model of huiyin asks the same function, so that a comment gets the same `reason` from the tagger and
from the baseline. The rules look at the characters only:

- `too_long`: more than `MAX_CHARS` characters; what lies beyond is not read.
- `empty`: nothing but white space, control characters and punctuation.
- `too_short`: fewer than two Chinese characters or letters: 好, 👍👍, 666.
- `not_chinese`: hardly a Chinese character among the words, or Japanese.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from models.errors import InputError
from models.tags import Reason
from models.text.normalise import normalise

MAX_CHARS: Final = 100_000
"""Code points of a comment that are read, in windows; the rest is not."""

UNREAD: Final[frozenset[Reason]] = frozenset({"empty", "not_chinese"})
"""Reasons for which no model is asked: the answer is that of a comment without an opinion."""

MIN_LETTERS: Final = 2
MIN_HAN_SHARE: Final = 0.2
"""Least share of Chinese characters among them and the words of other scripts."""
MAX_KANA_SHARE: Final = 0.25
"""A Chinese comment may hold a の; more kana than this beside the Chinese characters is Japanese."""

_LETTER = re.compile(r"[^\W\d_]")
_HAN = re.compile("[\u3005\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fd-\u30ff\u31f0-\u31ff]")
# Product names are long beside 好卡: a word of Latin letters weighs as much as one Chinese character.
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]+")


def checked(texts: Sequence[str]) -> list[str]:
    """The comments that a caller handed to `tag`, as a list.

    Raises InputError for a single string, for what is no sequence and for what is not a string inside one.
    """
    if isinstance(texts, str):
        raise InputError("tag() got one string; give a list of strings, e.g. tag([text])")
    try:
        given = list(texts)
    except TypeError as error:
        raise InputError(
            f"tag() got {type(texts).__name__}; give a list of strings, e.g. tag([text])"
        ) from error
    for place, text in enumerate(given):
        if not isinstance(text, str):
            raise InputError(f"texts[{place}] is {type(text).__name__}; every comment must be a string")
    return given


def reason_for(text: str, normalised: str | None = None) -> Reason | None:
    """Why no model should be believed on `text`, or None if one may be.

    `normalised` is `normalise(text[:MAX_CHARS]).text`, for callers that have it. Never raises; linear in the
    text. `low_confidence` is the model's own reason and never comes from here.
    """
    if len(text) > MAX_CHARS:
        return "too_long"
    read = normalise(text).text if normalised is None else normalised
    letters = len(_LETTER.findall(read))
    if letters < MIN_LETTERS:
        return "too_short" if any(map(_says_something, read)) else "empty"
    han = len(_HAN.findall(read))
    if han == letters:
        return None
    kana = len(_KANA.findall(read))
    latin_words = _LATIN_WORD.findall(read)
    others = letters - han - sum(map(len, latin_words)) + len(latin_words)
    foreign = han < MIN_HAN_SHARE * (han + others) or kana > MAX_KANA_SHARE * (han + kana)
    return "not_chinese" if foreign else None


def _says_something(character: str) -> bool:
    """Letters, digits and pictures do; punctuation, white space, controls, marks and signs do not."""
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "So"

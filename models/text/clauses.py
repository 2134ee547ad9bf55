"""Clauses of a comment: the spans among which evidence is chosen.

A clause is what one breath says of one thing: ``前台态度很差``. Spans lie in the original text: evidence is
always the customer's own words. Punctuation and white space around a clause belong to no clause, nor does the
conjunction it starts with.
"""

import re
from typing import Final

from models.text.privacy import PLACEHOLDERS

LONG_CLAUSE: Final = 16
"""A clause of more code points than this is cut before its turn words, if it has any."""

_SHORTEST_PART: Final = 4
"""Neither part of a cut, nor a member of a list cut at ``、``, may have fewer code points."""

_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_ALNUM = "A-Za-z0-9０-９Ａ-Ｚａ-ｚ"
_DIGIT = "0-9０-９"

# Kept whole. What masking put in place of a number stands for a word. Words, numbers, times, sizes, model
# numbers and e-mail addresses are one token each: punctuation is part of it only between two of its
# characters. Quoted phrases are kept when they are short.
_PLACEHOLDER = "|".join(map(re.escape, PLACEHOLDERS.values()))
_WHOLE = (
    r"(?:https?://|www\.)[A-Za-z0-9/:.?&=%#_~@+\-]+"
    rf"|[{_ALNUM}]++(?:(?:[-./@_&+．]"
    rf"|(?<=[{_DIGIT}])[:：](?=[{_DIGIT}])"
    rf"|(?<=[{_DIGIT}])[,，](?=[{_DIGIT}]{{3}}(?![{_DIGIT}])))[{_ALNUM}]++)*+"
    r"|“[^“”\n]{1,12}”|\"[^\"\n]{1,12}\"|「[^「」\n]{1,12}」|《[^《》\n]{1,30}》"
)
_EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f"
# An ordinal opens an item of a list. A bracketed word, as in 不错[微笑], is an emoticon.
_SEPARATOR = (
    rf"(?:(?<![\w.¥￥$])[{_DIGIT}]{{1,2}}[、.．:：)）](?![{_DIGIT}])|[①-⒛]"
    rf"|\[[{_HAN}]{{1,6}}\]"
    r"|[，,。．.｡！!？?；;：:…~～\n\r\v\f\x1c-\x1e\x85\u2028\u2029（）()【】\[\]{}｛｝|｜]"
    rf"|[{_EMOJI}]"
    rf"|(?<=[{_HAN}])[ \t\u3000\xa0]+(?=[{_HAN}]))+"
)
_TOKEN = re.compile(rf"{_PLACEHOLDER}|(?P<separator>{_SEPARATOR})|{_WHOLE}")
_LIST_COMMA = re.compile("、")
_TURN = re.compile(
    "但是|(?<!不)但(?![凡愿])|不过(?!去|来)|可是|(?<!也)(?<!不)就是|而且|然而|只是|虽然|所以|因为|还有|另外|同时|并且|尤其"
)
_OPENING = re.compile("但是|但(?![凡愿])|不过(?!去|来)|而且|可是|所以|另外|只是|并且|因为|不仅|可惜")

_EDGE = (
    " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000\u200b\u200d\ufeff"
    "、，,。．.｡!！?？;；:：·•・*＊-－—_=+~～…\"'“”‘’「」『』`|/\\"
)


def clauses(text: str) -> list[tuple[int, int]]:
    """Half-open code-point spans of the clauses of ``text``, in order, disjoint, none of them empty.

    Cut at punctuation, line breaks, brackets, emoji, spaces between Chinese characters and, where a clause
    runs long, before turn words (但是, 而且, 所以 ...); at ``、`` where its sides are long enough. Never cut
    inside numbers, addresses, model numbers or short quotations. Never raises; linear in the text.
    """
    spans: list[tuple[int, int]] = []
    begin = 0
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "separator":
            _add_clause(text, begin, token.start(), spans)
            begin = token.end()
    _add_clause(text, begin, len(text), spans)
    return spans


def _add_clause(text: str, begin: int, end: int, spans: list[tuple[int, int]]) -> None:
    """Append the clause or clauses that lie between two separators."""
    cuts = _cuts(text, begin, end, _LIST_COMMA)
    for first, last in zip([begin, *cuts], [*cuts, end], strict=True):
        turns = _cuts(text, first, last, _TURN) if last - first > LONG_CLAUSE else []
        for start, stop in zip([first, *turns], [*turns, last], strict=True):
            span = _trimmed(text, start, stop)
            if span:
                spans.append(span)


def _cuts(text: str, begin: int, end: int, pattern: re.Pattern[str]) -> list[int]:
    """Where the matches of ``pattern`` cut ``text[begin:end]`` into parts that are not too short."""
    cuts: list[int] = []
    for match in pattern.finditer(text, begin, end):
        before = cuts[-1] if cuts else begin
        if match.start() - before >= _SHORTEST_PART and end - match.end() >= _SHORTEST_PART:
            cuts.append(match.start())
    return cuts


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int] | None:
    """The span without its edges and its opening conjunction; None when nothing is left."""
    end = begin + len(text[begin:end].rstrip(_EDGE))
    begin = end - len(text[begin:end].lstrip(_EDGE))
    opening = _OPENING.match(text, begin, end)
    if opening and end - opening.end() >= 2:
        begin = end - len(text[opening.end() : end].lstrip(_EDGE))
    return (begin, end) if begin < end else None

"""The text as the model reads it, with a map back to the text as the customer wrote it.

Normalising is for the model's eyes only: what is stored, shown and quoted is always the original. Every
normalised code point therefore remembers the span of the original that it came from.

Two roads lead to the same result. Most comments need nothing but one-to-one replacements (full width to half
width, control characters to spaces), so the map is a pair of ranges and costs nothing. Everything else (HTML,
Traditional Chinese, emoji sequences, repeated characters) is rewritten step by step with explicit offsets.
Both are linear in the text.
"""

import functools
import html.entities
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from opencc import OpenCC

LONGEST_RUN = 3
"""Repeats of one character beyond this many say nothing more: 哈哈哈哈哈哈 reads as 哈哈哈."""

_HTML_ROUNDS = 8
"""How often escaped HTML may be escaped again before its brackets are given up as noise."""

_SIMPLIFYING_ROUNDS = 3

_HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_RUN = re.compile(rf"([^0-9 ])\1{{{LONGEST_RUN},}}")
_REPEAT = re.compile(rf"(.)\1{{{LONGEST_RUN}}}")  # coarser than _RUN, and three times as fast
_SPACES = re.compile(" {2,}")

# A joiner followed by a gender sign only varies the person before it.
_GENDER_VARIANT = "\u200d[\u2640\u2642]"

_INLINE_TAGS = "a|abbr|b|big|code|del|em|font|i|ins|mark|s|small|span|strike|strong|sub|sup|u"
_BLOCK_TAGS = (
    "article|aside|blockquote|body|br|button|center|dd|div|dl|dt|figure|footer|form|h[1-6]|head|header|hr|html|"
    "iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|section|select|table|tbody|td|textarea|tfoot|"
    "th|thead|title|tr|ul|video"
)
# Names decide: "a<b", "<3" and "价格<100元>" are the customer's own words. Attributes need a "=", and every
# repeat is possessive, so a text made of brackets costs no more than any other.
_TAG = re.compile(
    rf"</?(?:(?P<inline>{_INLINE_TAGS})|{_BLOCK_TAGS})(?: [^<>=]*+=[^<>]*+)?+ *+/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:#(?P<decimal>[0-9]++);|#x(?P<hexadecimal>[0-9a-f]++);"
    r"|(?P<bare>nbsp|amp|lt|gt|quot)(?![0-9a-z=;])"
    rf"|(?P<name>{'|'.join(sorted(html.entities.name2codepoint, key=len, reverse=True))});)",
    re.IGNORECASE,
)
_LEFT_OVER = re.compile("[<&]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """What the model reads.

    ``starts`` and ``ends`` have one entry per code point of ``text``: the half-open span of the original, in
    code points, that it came from. Both are non-decreasing. Shape: (len(text),)
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Map a half-open span of ``text`` to the half-open span of the original that it was read from.

        An empty span maps to an empty span. Raises ValueError when the span does not lie inside ``text``.
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(
                f"span {start}:{end} lies outside the normalised text; allowed is 0 <= start <= end <= "
                f"{len(self.text)}; give offsets of Normalised.text"
            )
        if start < end:
            return self.starts[start], self.ends[end - 1]
        if start < len(self.text):
            return self.starts[start], self.starts[start]
        last = self.ends[-1] if self.text else 0
        return last, last


@dataclass(frozen=True, slots=True)
class _Tables:
    """What happens to single characters, worked out once per process.

    ``replaced`` keeps the length (for str.translate); ``rewritten`` holds the characters that become none or
    several; ``rewritten_pattern`` finds those, and whatever ``rewritten`` lacks stays. A text with none of
    ``slow_characters`` needs no rewriting but for its runs. Sets answer in a tenth of the time that a regular
    expression needs for a class beyond the basic plane.
    """

    replaced: dict[int, str]
    rewritten: dict[str, str]
    rewritten_pattern: re.Pattern[str]
    slow_characters: frozenset[str]
    simplify: Callable[[str], str]
    simplified: dict[int, str]
    traditional_characters: frozenset[str]


@dataclass(slots=True)
class _Draft:
    """A text on its way to being normalised, with the spans of the original per code point."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def rewrite(self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> bool:
        """Replace every match; say whether the text changed.

        A replacement as long as the match is aligned one to one; in any other, each new character stands for
        the whole match.
        """
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            begin, end = match.span()
            new = replace(match)
            if len(new) == end - begin:
                starts += self.starts[done:end]
                ends += self.ends[done:end]
            else:
                starts += self.starts[done:begin]
                ends += self.ends[done:begin]
                starts += [self.starts[begin]] * len(new)
                ends += [self.ends[end - 1]] * len(new)
            pieces += (self.text[done:begin], new)
            done = end
        if not pieces:
            return False
        pieces.append(self.text[done:])
        before = self.text
        self.text = "".join(pieces)
        self.starts = [*starts, *self.starts[done:]]
        self.ends = [*ends, *self.ends[done:]]
        return self.text != before


def normalise(text: str) -> Normalised:
    """Bring a comment into the one form that the model is trained on.

    Lone surrogates, U+FFFD and control characters become spaces; HTML tags and entities are resolved;
    full-width and compatibility characters take their NFKC form (so ``，`` and ``,`` are one); Traditional
    characters become Simplified; invisible characters, variation selectors, joiners and skin tones go; a run
    of one character longer than three becomes three, digits excepted; white space becomes single spaces, none
    at the ends.

    The result is stable: normalising it again changes nothing. Never raises; linear in the text.
    """
    tables = _tables()
    plain = text.translate(tables.replaced)
    if tables.slow_characters.isdisjoint(plain) and "  " not in plain and _REPEAT.search(plain) is None:
        stripped = plain.lstrip(" ")
        first = len(plain) - len(stripped)
        stripped = stripped.rstrip(" ")
        last = first + len(stripped)
        return Normalised(stripped, range(first, last), range(first + 1, last + 1))
    draft = _Draft(plain, range(len(plain)), range(1, len(plain) + 1))
    draft.rewrite(tables.rewritten_pattern, lambda match: _rewritten(match[0], tables))
    if "<" in draft.text or "&" in draft.text:
        _resolve_html(draft, tables)
    _simplify(draft, tables)
    draft.rewrite(_SPACES, lambda match: " ")
    first = 1 if draft.text.startswith(" ") else 0
    last = len(draft.text) - (1 if draft.text.endswith(" ") else 0)
    return Normalised(draft.text[first:last], draft.starts[first:last], draft.ends[first:last])


def _rewritten(characters: str, tables: _Tables) -> str:
    if len(characters) > 1:
        return ""
    return tables.rewritten.get(characters, characters)


def _resolve_html(draft: _Draft, tables: _Tables) -> None:
    """Unescape entities and drop tags until none is left; what stays escaped too deep becomes spaces."""

    def unescaped(match: re.Match[str]) -> str:
        character = _entity_character(match).translate(tables.replaced)
        return _rewritten(character, tables)

    for _ in range(_HTML_ROUNDS):
        changed = draft.rewrite(_ENTITY, unescaped)
        changed |= draft.rewrite(_TAG, lambda match: "" if match["inline"] else " ")
        if not changed:
            return
    draft.rewrite(_LEFT_OVER, lambda match: " ")


def _entity_character(match: re.Match[str]) -> str:
    decimal, hexadecimal = match["decimal"], match["hexadecimal"]
    if decimal or hexadecimal:
        digits = (decimal or hexadecimal).lstrip("0") or "0"
        # int() of endless digits is slow and then refused; no code point has more than 7.
        value = int(digits, 10 if decimal else 16) if len(digits) <= 7 else sys.maxunicode + 1
        return chr(value) if value <= sys.maxunicode else " "
    name: str = match["name"] or match["bare"]
    code_points = html.entities.name2codepoint
    return chr(code_points[name] if name in code_points else code_points.get(name.lower(), ord(" ")))


def _simplify(draft: _Draft, tables: _Tables) -> None:
    """Turn Traditional into Simplified and shorten runs, until neither finds anything to do.

    OpenCC reads phrases (乾隆 keeps its 乾, 乾淨 does not), so shortening a run may form a phrase and a
    phrase a run. Texts that never settle are finished character by character.
    """
    draft.rewrite(_RUN, lambda match: match[1] * LONGEST_RUN)
    for _ in range(_SIMPLIFYING_ROUNDS):
        if tables.traditional_characters.isdisjoint(draft.text):
            return
        if not draft.rewrite(_HAN_RUN, lambda match: tables.simplify(match[0])):
            return
        draft.rewrite(_RUN, lambda match: match[1] * LONGEST_RUN)
    draft.text = draft.text.translate(tables.simplified)
    draft.rewrite(_RUN, lambda match: match[1] * LONGEST_RUN)


@functools.cache
def _tables() -> _Tables:
    replaced: dict[int, str] = {}
    rewritten: dict[str, str] = {}
    for code_point in _affected_code_points():
        character = chr(code_point)
        form = _form(character)
        if form == character:
            continue
        if len(form) == 1:
            replaced[code_point] = form
        else:
            rewritten[character] = form
    simplify = OpenCC("t2s").convert
    simplified = _simplified_characters(simplify)
    traditional = frozenset(map(chr, simplified))
    basic_plane = "".join(re.escape(character) for character in rewritten if ord(character) <= 0xFFFF)
    return _Tables(
        replaced=replaced,
        rewritten=rewritten,
        rewritten_pattern=re.compile(f"{_GENDER_VARIANT}|[{basic_plane}]|[\U00010000-\U0010ffff]"),
        slow_characters=frozenset(rewritten) | traditional | {"<", "&"},
        simplify=simplify,
        simplified=simplified,
        traditional_characters=traditional,
    )


def _affected_code_points() -> Iterator[int]:
    """Every code point that may change; the large blocks of ideographs and syllables never do."""
    yield from range(0x3400)
    yield from range(0xA000, 0xAC00)
    yield from range(0xD7A4, 0xE000)
    yield from range(0xF900, 0x17000)
    yield from range(0x1A000, 0x20000)
    yield from range(0x2F800, 0x2FA20)
    yield from range(0xE0000, 0xE0200)


def _form(character: str) -> str:
    """What one character becomes: itself, another, none or several."""
    code_point = ord(character)
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zs", "Zl", "Zp") or character in "\ufffc\ufffd\ufffe\uffff\u2800":
        return " "
    selector = 0xFE00 <= code_point <= 0xFE0F or 0xE0100 <= code_point <= 0xE01EF
    skin_tone = 0x1F3FB <= code_point <= 0x1F3FF
    if category == "Cf" or selector or skin_tone or character in "\u034f\u20e3\u115f\u1160\u3164\uffa0":
        return ""
    form = unicodedata.normalize("NFKC", character)
    return form if form == character else "".join(map(_form, form))


def _simplified_characters(simplify: Callable[[str], str]) -> dict[int, str]:
    """Map each Traditional character, read alone, to the Simplified one that it ends at."""
    han = [chr(code_point) for code_point in (*range(0x2E80, 0xA000), *range(0x20000, 0x32000))]
    # One call with separators, which no phrase spans, instead of eighty thousand.
    found = dict(zip(han, simplify("\n".join(han)).split("\n"), strict=True))
    simplified: dict[int, str] = {}
    for character, first in found.items():
        target = found.get(first, first)  # 薴 becomes 苧, which becomes 苎
        if target != character and len(target) == 1:
            simplified[ord(character)] = target
    return simplified

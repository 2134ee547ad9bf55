"""Lines of text out of bytes: finds the encoding out and decodes each line by itself.

Lines are cut in the bytes, so no character breaks on the border of a block, and one undecodable line costs
that line only. A file that begins with plain ASCII is asked for its encoding where the first other byte
stands. UTF-16, where a line feed is no single byte, is decoded as a stream instead.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from service.errors import UsageError
from service.files.rows import Say
from service.files.source import BLOCK_BYTES, Source

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""What is read of a line; the rest of a longer one is left out and the line reported."""

REPLACEMENT: Final = "\ufffd"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 with a byte order mark"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 with a byte order mark"),
)
_SPOKEN: Final = {
    "utf-8": "UTF-8",
    "gb18030": "GB18030",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# GB18030 holds all of them, and files called GBK use it.
_SUPERSETS: Final = {"gb2312": "gb18030", "gbk": "gb18030"}


class Line(NamedTuple):
    """A line with its line feed, its number from 1, and what was wrong with its bytes."""

    number: int
    text: str
    problem: str | None = None


class Lines:
    """The lines of `source`, once. `encoding` is None until it was found out.

    `encoding` of the constructor is any text encoding that Python knows; None finds out: by the byte order
    mark, else UTF-8 if the first block is UTF-8 throughout, else GB18030 if it is that, else the one of the
    two in which more lines can be read. Raises UsageError for an unknown encoding.
    """

    def __init__(self, source: Source, *, encoding: str | None = None, say: Say) -> None:
        self._source = source
        self._say = say
        self.encoding = _given(encoding, source.head) or self._marked()
        if self.encoding is None and not source.head.isascii():
            self._decide(source.head)

    def __iter__(self) -> Iterator[Line]:
        if self.encoding is not None and self.encoding.startswith("utf-16"):
            return self._wide(self.encoding)
        return self._narrow()

    def _marked(self) -> str | None:
        for mark, encoding, spoken in _MARKS:
            if self._source.head.startswith(mark):
                self._say(f"{self._source.name}: {spoken}")
                return encoding
        return None

    def _decide(self, sample: bytes) -> str:
        encoding, sure = find_encoding(sample)
        self.encoding = encoding
        if sure:
            self._say(f"{self._source.name}: {_SPOKEN[encoding]}")
        else:
            self._say(
                f"{self._source.name}: neither UTF-8 nor GB18030 throughout; read as {_SPOKEN[encoding]} "
                "(another one: --encoding NAME)"
            )
        return encoding

    def _narrow(self) -> Iterator[Line]:
        number = 0
        while raw := self._source.line(MAX_LINE_BYTES):
            number += 1
            too_long = not raw.endswith(b"\n") and len(raw) == MAX_LINE_BYTES and self._skip_line()
            if number == 1:
                raw = raw.removeprefix(codecs.BOM_UTF8)
                if not raw:
                    return
            encoding = self.encoding
            if encoding is None:
                encoding = "ascii" if raw.isascii() else self._decide(raw + self._source.glance())
            text, problem = _decoded(raw, encoding)
            yield Line(number, text, _too_long() if too_long else problem)

    def _skip_line(self) -> bool:
        """Reads on to the end of a line that is too long; False if it had ended just there."""
        skipped = False
        while piece := self._source.line(BLOCK_BYTES):
            skipped = skipped or piece != b"\n"
            if piece.endswith(b"\n"):
                break
        return skipped

    def _wide(self, encoding: str) -> Iterator[Line]:
        for number, (text, whole) in enumerate(self._pieces(encoding), 1):
            first = text.removeprefix("\ufeff") if number == 1 else text
            if not first:
                return
            clean = without_surrogates(first)
            wrong = f"bytes that are not {_SPOKEN.get(encoding, encoding)}" if clean != first else None
            yield Line(number, clean, wrong if whole else _too_long())

    def _pieces(self, encoding: str) -> Iterator[tuple[str, bool]]:
        """Lines of a stream whose line feeds have several bytes; False marks one that was cut."""
        # A lone surrogate passes, to be reported with its line instead of ending the stream.
        decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        limit = MAX_LINE_BYTES // 2
        rest, whole = "", True
        while block := self._source.read(BLOCK_BYTES):
            *ended, rest = (rest + decoder.decode(block)).split("\n")
            for text in ended:
                yield text[:limit] + "\n", whole and len(text) <= limit
                whole = True
            whole = whole and len(rest) <= limit
            rest = rest[:limit]
        pending = decoder.getstate()[0]
        rest += "\udc80" if pending else ""
        if rest:
            yield rest, whole


def find_encoding(sample: bytes) -> tuple[str, bool]:
    """`utf-8` or `gb18030` for the beginning of a text, and whether all of the sample can be read so.

    The sample may end inside a character.
    """
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        return encoding, True
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    readable = {
        encoding: sum(1 for line in lines if _decoded(line, encoding)[1] is None)
        for encoding in ("utf-8", "gb18030")
    }
    return ("gb18030" if readable["gb18030"] > readable["utf-8"] else "utf-8"), False


def without_surrogates(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, one for one: fit for any encoding."""
    return _LONE_SURROGATE.sub(REPLACEMENT, text)


def _given(encoding: str | None, head: bytes) -> str | None:
    """The codec for an encoding that the user named; a byte order mark settles the order of bytes."""
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
        # Python also knows codecs of no text, and encodings whose line feed is not the one byte.
        if name not in _SPOKEN and b"\n".decode(name) != "\n":
            raise LookupError(name)
    except (LookupError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--encoding {encoding!r} cannot be read; for example utf-8, gb18030, big5, utf-16-le"
        ) from error
    if name == "utf-16":
        return "utf-16-be" if head.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
    return "utf-8" if name == "utf-8-sig" else _SUPERSETS.get(name, name)


def _decoded(raw: bytes, encoding: str) -> tuple[str, str | None]:
    try:
        return raw.decode(encoding), None
    except UnicodeDecodeError as error:
        spoken = _SPOKEN.get(encoding, encoding)
        problem = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is not {spoken}"
        return raw.decode(encoding, "replace"), problem


def _too_long() -> str:
    return f"the line has more than {MAX_LINE_BYTES // 1024 // 1024} MiB; the rest of it was left out"

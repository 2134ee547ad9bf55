"""CSV and TSV, in both directions.

Reading is strict about quotes: a quote that never closes would swallow the rows behind it, so the line it
stands on becomes a row with an error and reading goes on with the line after it.

Writing is made for Excel: UTF-8 with a byte order mark, CRLF, and no cell that Excel would run as a formula
(OWASP, "CSV Injection"): a cell that begins with `=`, `+`, `-`, `@`, a tab, a carriage return, a line feed or
a full-width form of the four signs gets an apostrophe in front, unless the whole cell is a plain number such
as -3.5. This holds for every column and for the header. JSONL, XLSX and Parquet, which know text from
formulas, keep such texts as they are.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final, NamedTuple

from service.errors import InputFileError
from service.files.flat import FlatTable
from service.files.lines import Line, Lines
from service.files.rows import Column, Reader, Row, Say, TaggedRow, Writer
from service.files.source import Source
from service.files.text_column import choose_text_column, unique_names
from service.files.values import as_text

MAX_FIELD_CHARS: Final = 4 * 1024 * 1024
"""The longest field, and what is read on from a quote that does not close."""

_QUOTED: Final = re.compile(r'"[^"]*"')
_DANGEROUS: Final = tuple("=+-@\t\r\n＝＋－＠")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?", re.ASCII)


class DelimitedReader(Reader):
    """Rows of a delimited file with a header. A blank line is left out, an empty comment is a comment."""

    def __init__(
        self,
        source: Source,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        text_column: str | None = None,
        say: Say,
    ) -> None:
        self._source = source
        stream = iter(Lines(source, encoding=encoding, say=say))
        first = next((line for line in stream if line.text.strip()), None)
        if first is None:
            raise InputFileError(f"{source.name} is empty; a header naming the columns is expected")
        if delimiter is None:
            delimiter = find_delimiter(first.text)
            if delimiter != ",":
                say(f"{source.name}: fields are separated by {_SPOKEN[delimiter]}")
        self._records = _records(_Feed(first, stream), delimiter)
        header = next(self._records)
        if header.fields is None or header.problem is not None:
            raise InputFileError(f"{source.name}: its header cannot be read: {header.problem}")
        self._names = unique_names(header.fields)
        self.text_column = choose_text_column(self._names, text_column, source=source.name, say=say)

    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(name) for name in self._names)

    def rows(self) -> Iterator[Row]:
        for record in self._records:
            if record.fields != []:
                yield self._row(record)

    def progress(self) -> tuple[int, int | None]:
        return self._source.done, self._source.total

    def close(self) -> None:
        self._source.close()

    def _row(self, record: "_Record") -> Row:
        if record.fields is None or len(record.fields) != len(self._names):
            problem = record.problem or _count_problem(len(record.fields or ()), len(self._names))
            return Row(record.number, {self.text_column: record.raw}, error=problem)
        fields = dict(zip(self._names, record.fields, strict=True))
        if record.problem is not None:
            return Row(record.number, fields, error=record.problem)
        return Row(record.number, fields, fields[self.text_column])


class DelimitedWriter(Writer):
    """Flat columns; the stream stays open."""

    def __init__(self, stream: IO[bytes], table: FlatTable, *, delimiter: str) -> None:
        self._table = table
        self._stream = stream
        self._buffer = io.StringIO(newline="")
        self._csv = csv.writer(self._buffer, delimiter=delimiter, lineterminator="\r\n")
        self._buffer.write("\ufeff")
        self._csv.writerow([safe_cell(column.name) for column in table.columns])

    def write(self, rows: Sequence[TaggedRow]) -> None:
        for row in rows:
            self._csv.writerow([safe_cell(value) for value in self._table.values(row)])
        self._flush()

    def finish(self) -> None:
        self._flush()

    def discard(self) -> None:
        self._buffer.close()

    def _flush(self) -> None:
        self._stream.write(self._buffer.getvalue().encode())
        self._buffer.seek(0)
        self._buffer.truncate()


def find_delimiter(header: str) -> str:
    """What separates the fields of a header: a comma, else a tab or a semicolon if there is one."""
    outside = _QUOTED.sub("", header)
    return next((mark for mark in (",", "\t", ";") if mark in outside), ",")


def header_fields(line: str) -> list[str]:
    """The fields of a line read as a header; empty if it cannot be one."""
    try:
        return next(csv.reader([line], delimiter=find_delimiter(line), strict=True), [])
    except csv.Error:
        return []


def safe_cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    text = as_text(value) or ""
    if isinstance(value, str) and text.startswith(_DANGEROUS) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


class _Record(NamedTuple):
    """The fields that begin on line `number`, or None and the `problem`; `raw` is all as it came."""

    number: int
    fields: list[str] | None
    raw: str
    problem: str | None


class _Feed(Iterator[str]):
    """Gives the csv module its lines, remembers those of the current record and takes some back."""

    def __init__(self, first: Line, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._pending = deque([first])
        self.taken: list[Line] = []

    def __next__(self) -> str:
        line = self._pending.popleft() if self._pending else next(self._lines)
        self.taken.append(line)
        return line.text

    def begin(self, *, again: Sequence[Line] = ()) -> None:
        """A new record begins; the lines of `again` come first."""
        self._pending.extendleft(reversed(again))
        self.taken = []


def _records(feed: _Feed, delimiter: str) -> Iterator[_Record]:
    # The limit is one for the whole process; ours is the larger one, so nobody else is refused more by it.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARS))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    again: Sequence[Line] = ()
    while True:
        feed.begin(again=again)
        again = ()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            first, *again = feed.taken
            said = first.problem or f"cannot be taken apart: {_explained(error)}"
            yield _Record(first.number, None, first.text.rstrip("\r\n"), said)
            continue
        raw = "".join(line.text for line in feed.taken).rstrip("\r\n")
        problem = next((line.problem for line in feed.taken if line.problem is not None), None)
        yield _Record(feed.taken[0].number, fields, raw, problem)


def _explained(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words or "field larger" in words:
        return "a quote is opened and never closed"
    if "expected after" in words:
        return "a quote stands inside a quoted field; it is to be doubled"
    return words


def _count_problem(came: int, expected: int) -> str:
    return f"has {came} fields; the header has {expected}"


_SPOKEN: Final = {"\t": "tabs", ";": "semicolons"}

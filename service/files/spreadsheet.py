"""XLSX, in both directions, row by row (openpyxl, from the extra `service`).

Text is always written as text, so nothing in a cell runs as a formula. Excel's own limits hold: a text is
cut at 32,767 characters, control characters become U+FFFD, a whole number of more than 15 digits is written
as text so that no digit is lost, and a sheet that is full goes on in a second one.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any, ClassVar, Final, Literal
from xml.etree.ElementTree import ParseError

from models.extras import require
from service.errors import InputFileError
from service.files.flat import FlatTable
from service.files.lines import REPLACEMENT
from service.files.rows import Column, Reader, Row, Say, TaggedRow, Writer
from service.files.text_column import choose_text_column, unique_names
from service.files.values import as_cell, common_kind

MAX_ROWS: Final = 1_048_576
MAX_CHARS: Final = 32_767

_MAX_NUMBER: Final = 10**15
# What XML cannot hold.
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, EOFError, OSError)
_FILE_ADVICE: Final = "a workbook in the form of Excel 2007 and later is expected; save it anew as .xlsx"


class SpreadsheetReader(Reader):
    """The first sheet of a workbook; its first row that is not empty is the header.

    Rows without any value are left out. In the text column an empty cell is an empty comment, and a number
    is read as its text, since Excel makes a number of a comment such as 666. Formulas count as the value that
    Excel last computed.
    """

    unit: ClassVar[Literal["line", "row"]] = "row"

    def __init__(self, path: Path, *, text_column: str | None = None, say: Say) -> None:
        self._path = path
        openpyxl = require("openpyxl", "service")
        try:
            with warnings.catch_warnings(action="ignore"):
                self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (*_BROKEN, openpyxl.utils.exceptions.InvalidFileException) as error:
            raise InputFileError(f"{path}: cannot be read as XLSX ({error}); {_FILE_ADVICE}") from error
        if not self._book.worksheets:
            raise InputFileError(f"{path} has no sheet with cells")
        self._sheet = self._book.worksheets[0]
        if (sheets := len(self._book.worksheets)) > 1:
            say(f"{path}: only the first of {sheets} sheets is read: {self._sheet.title!r}")
        self._total = self._sheet.max_row
        # What the file says of its size may be wrong, and would cut rows off.
        self._sheet.reset_dimensions()
        self._done = 0
        self._cells = self._numbered()
        header = next(self._cells, None)
        if header is None:
            raise InputFileError(f"{path} is empty; a header naming the columns is expected")
        self._header_row = header[0]
        self._names = unique_names([str(value) if value is not None else "" for value in header[1]])
        self.text_column = choose_text_column(self._names, text_column, source=str(path), say=say)

    def columns(self) -> tuple[Column, ...]:
        kinds: dict[str, set[str]] = {name: set() for name in self._names}
        kinds[self.text_column].add("text")
        for row in self.rows():
            for name, value in row.fields.items():
                if value is not None:
                    kinds[name].add(_kind(value))
        self._cells = self._numbered()
        next(self._cells)
        return tuple(Column(name, common_kind(kinds[name])) for name in self._names)

    def rows(self) -> Iterator[Row]:
        for number, values in self._cells:
            self._done = number
            yield self._row(number, values)

    def progress(self) -> tuple[int, int | None]:
        return self._done, self._total

    def close(self) -> None:
        self._book.close()

    def _numbered(self) -> Iterator[tuple[int, list[Any]]]:
        """Rows with a value, numbered as Excel does, without the empty cells at their end."""
        try:
            for number, cells in enumerate(self._sheet.iter_rows(values_only=True), 1):
                values = list(cells)
                while values and values[-1] is None:
                    values.pop()
                if values:
                    yield number, values
        except _BROKEN as error:
            raise InputFileError(f"{self._path}: reading stopped ({error}); {_FILE_ADVICE}") from error

    def _row(self, number: int, values: list[Any]) -> Row:
        if len(values) > len(self._names):
            raw = "\t".join("" if value is None else str(value) for value in values)
            said = f"has {len(values)} cells; the header has {len(self._names)}"
            return Row(number, {self.text_column: raw}, error=said)
        values += [None] * (len(self._names) - len(values))
        fields = dict(zip(self._names, values, strict=True))
        text = fields[self.text_column]
        if text is None or (isinstance(text, int | float) and not isinstance(text, bool)):
            text = fields[self.text_column] = "" if text is None else str(text)
        if isinstance(text, str):
            return Row(number, fields, text)
        said = f"the cell of {self.text_column!r} holds {_spoken(text)}; text is expected"
        return Row(number, fields, error=said)


class SpreadsheetWriter(Writer):
    """One sheet `comments` with a frozen header; `comments 2` and so on once it is full."""

    def __init__(self, stream: IO[bytes], table: FlatTable, *, say: Say, max_rows: int = MAX_ROWS) -> None:
        self._stream = stream
        self._table = table
        self._say = say
        self._max_rows = max_rows
        self._openpyxl = require("openpyxl", "service")
        self._book = self._openpyxl.Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0
        self._cut = 0
        self._begin_sheet()

    def write(self, rows: Sequence[TaggedRow]) -> None:
        for row in rows:
            if self._rows == self._max_rows:
                self._begin_sheet()
            self._sheet.append([self._cell(value) for value in self._table.values(row)])
            self._rows += 1

    def finish(self) -> None:
        # Not Workbook.save, which leaves its archive open when it fails.
        with zipfile.ZipFile(self._stream, "w", zipfile.ZIP_DEFLATED) as archive:
            require("openpyxl.writer.excel", "service").ExcelWriter(self._book, archive).save()
        if self._cut:
            self._say(f"{self._cut:,} texts were cut at {MAX_CHARS:,} characters, the most that XLSX holds")

    def discard(self) -> None:
        for sheet in self._book.worksheets:
            # The rows lie in a temporary file; openpyxl removes it when the program ends.
            with suppress(OSError):
                if not sheet.closed:
                    sheet.close()

    def _begin_sheet(self) -> None:
        count = len(self._book.worksheets) + 1
        if count > 1:
            self._say(
                f"a sheet holds {self._max_rows:,} rows; the output goes on in the sheet 'comments {count}'"
            )
        self._sheet = self._book.create_sheet("comments" if count == 1 else f"comments {count}")
        self._sheet.freeze_panes = "A2"
        self._sheet.append([self._cell(column.name) for column in self._table.columns])
        self._rows = 1

    def _cell(self, value: Any) -> Any:
        value = as_cell(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _MAX_NUMBER:
            value = str(value)
        if isinstance(value, datetime | time) and value.tzinfo is not None:
            value = value.isoformat()
        if not isinstance(value, str):
            return value
        if len(value) > MAX_CHARS:
            self._cut += 1
            value = value[:MAX_CHARS]
        cell = self._openpyxl.cell.WriteOnlyCell(self._sheet, _ILLEGAL.sub(REPLACEMENT, value))
        # Without this a text that begins with `=` would be a formula.
        cell.data_type = "s"
        return cell


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, datetime):
        return "datetime"
    kinds = {int: "integer", float: "number"}
    return kinds.get(type(value), "text")


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "a truth value"
    return "a date or time" if isinstance(value, date | time) else type(value).__name__

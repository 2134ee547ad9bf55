"""Reading JSON lines and CSV as rows that know their file and line, so that every error can name them."""

import csv
import difflib
import io
import json
import lzma
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

from training.errors import CorpusError

Name = TypeVar("Name", bound=str)

_UNSAFE: Final = re.compile("[\x00\ud800-\udfff]")
_MAX_SHOWN: Final = 60
_MAX_CELL_CHARS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a corpus file; `line` counts from 1 and is where the record starts."""

    path: Path
    line: int
    values: Mapping[str, object]

    def error(self, message: str) -> CorpusError:
        """The error to raise for this row."""
        return CorpusError(f"{self.path}, line {self.line}: {message}")

    def text(self, key: str = "text") -> str:
        """The text of the comment, unchanged. Raises CorpusError where it is empty or cannot be tokenised."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"'{key}' is {shown(value)}; it must be the text of the comment")
        if not value.strip():
            raise self.error(f"'{key}' is empty; leave the row out")
        if unsafe := _UNSAFE.search(value):
            raise self.error(f"'{key}' holds the character U+{ord(unsafe[0]):04X}; remove it")
        return value

    def integer(self, key: str, allowed: Collection[int]) -> int:
        """A whole number out of `allowed`."""
        return self.integer_of(self.values.get(key), key, allowed)

    def integer_of(self, value: object, name: str, allowed: Collection[int]) -> int:
        """`value`, checked to be a whole number out of `allowed` (5.0 passes as 5)."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
            raise self.error(f"'{name}' is {shown(value)}; allowed: {', '.join(map(str, sorted(allowed)))}")
        return value

    def name(self, key: str, allowed: Collection[Name]) -> Name:
        """A name out of `allowed`."""
        return self.name_of(self.values.get(key), key, allowed)

    def name_of(self, value: object, name: str, allowed: Collection[Name]) -> Name:
        """`value`, checked to be a name out of `allowed`; the error suggests the closest one."""
        for candidate in allowed:
            if value == candidate:
                return candidate
        close = difflib.get_close_matches(value, allowed, n=1) if isinstance(value, str) else []
        advice = f"; did you mean '{close[0]}'?" if close else ""
        raise self.error(f"'{name}' is {shown(value)}; allowed: {', '.join(allowed)}{advice}")

    def mapping(self, key: str) -> dict[str, object]:
        """An object with text keys."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise self.error(f"'{key}' is {shown(value)}; it must be an object")
        return value

    def elements(self, key: str) -> list[object]:
        """A list."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.error(f"'{key}' is {shown(value)}; it must be a list")
        return value


def shown(value: object) -> str:
    """A value as an error message shows it: short, and `missing` where there is none."""
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def json_rows(path: Path) -> Iterator[Row]:
    """The objects of a JSON-lines file, plain or `.xz`, in UTF-8; blank lines are passed over.

    Raises CorpusError for a file that cannot be read, is cut off, or holds anything but one object a line.
    """
    for number, line, complete in _lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            if not complete:
                raise CorpusError(
                    f"{path}, line {number}: the file ends in the middle of this line; copy it again"
                ) from error
            raise CorpusError(f"{path}, line {number}: not JSON in UTF-8 ({error})") from error
        if not isinstance(values, dict):
            raise CorpusError(f"{path}, line {number}: {shown(values)}; every line must be one JSON object")
        yield Row(path, number, values)


def csv_rows(path: Path, *, columns: Collection[str]) -> Iterator[Row]:
    """The rows of a CSV file with a header, in UTF-8 (with or without BOM) or GB18030.

    `columns` must hold every column that is read; others are passed on unread. Raises CorpusError for
    another encoding, a missing `text` column and a row of another width than the header.
    """
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    csv.field_size_limit(_MAX_CELL_CHARS)
    start = 1
    header: list[str] = []
    try:
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(path, line, cells, columns)
                continue
            if len(cells) != len(header):
                raise CorpusError(
                    f"{path}, line {line}: {len(cells)} cells, the header has {len(header)}; "
                    "quote cells that hold a comma or a line break"
                )
            yield Row(path, line, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {start}: not CSV ({error})") from error


def _header(path: Path, line: int, cells: list[str], columns: Collection[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    if "text" not in header:
        raise CorpusError(
            f"{path}, line {line}: no column 'text'; got {', '.join(header)}; read are {', '.join(columns)}"
        )
    repeated = sorted({name for name in header if name in columns and header.count(name) > 1})
    if repeated:
        raise CorpusError(f"{path}, line {line}: the column '{repeated[0]}' comes twice; keep one")
    return header


def _decoded(path: Path) -> str:
    """The whole file as text. Strict: UTF-8 is tried first since GB18030 bytes hardly ever pass as UTF-8."""
    data = b"".join(line for _, line, _ in _lines(path))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CorpusError(f"{path}: neither UTF-8 nor GB18030; save the file as UTF-8")


def _lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Number, bytes and whether a line break ends it, of every line."""
    try:
        with _opened(path) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line, line.endswith(b"\n")
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: there is no such file; give the path of an existing one") from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); copy it again") from error


def _opened(path: Path) -> IO[bytes]:
    return lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb")

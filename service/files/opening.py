"""From a path to a reader, and from a path to a writer: which format it is, and what may not be."""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TextIO, assert_never

from models.extras import require
from service.errors import InputFileError, OutputError, UsageError
from service.files.delimited import DelimitedReader, DelimitedWriter, find_delimiter, header_fields
from service.files.flat import FlatTable
from service.files.jsonl import JsonlReader, JsonlWriter, is_object
from service.files.lines import Lines
from service.files.parquet import ParquetReader, ParquetWriter
from service.files.plain import PlainReader
from service.files.rows import Reader, Say, Writer
from service.files.source import Source
from service.files.spreadsheet import SpreadsheetReader, SpreadsheetWriter
from service.files.target import replacing, standard_output
from service.files.text_column import is_usual

Format = Literal["jsonl", "csv", "tsv", "parquet", "xlsx", "txt"]
TextFormat = Literal["jsonl", "csv", "tsv", "txt"]

_BY_SUFFIX: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".txt": "txt",
}
_TO_SUFFIX: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_EXTRAS: Final = {"parquet": "pyarrow.parquet", "xlsx": "openpyxl"}
_GUESS_LINES: Final = 10
_SHOWN_NAMES: Final = 5
_SPOKEN: Final = {"jsonl": "JSON lines", "csv": "CSV", "tsv": "TSV", "txt": "one comment a line"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How an input is to be read; None means: find out."""

    format: Format | None = None
    encoding: str | None = None
    text_column: str | None = None


def open_reader(path: Path | None, reading: Reading, *, say: Say, twice: bool = False) -> Reader:
    """The rows of the file at `path`, or of standard input for None.

    `twice` makes sure that `Reader.columns` works for JSON lines out of a pipe. Says what was found out.
    Raises InputFileError for a file that cannot be read, TextColumnError, UsageError and MissingExtraError.
    """
    chosen = reading.format or _by_suffix(path)
    match chosen:
        case "parquet" | "xlsx":
            return _open_table(path, chosen, reading, say=say)
    source = Source.open(path, twice=twice)
    try:
        if chosen is None:
            chosen = guess_format(source, encoding=reading.encoding, text_column=reading.text_column)
            say(f"{source.name}: read as {_SPOKEN[chosen]} (another format: --format NAME)")
        return _open_text(source, chosen, reading, say)
    except BaseException:
        source.close()
        raise


def guess_format(
    source: Source, *, encoding: str | None = None, text_column: str | None = None
) -> TextFormat:
    """The format of a text from its first lines.

    JSON lines if a line holds an object (the very first may be broken), else CSV or TSV if the first line is
    a header with the column of the comments, else one comment a line. Raises InputFileError for a workbook
    or a Parquet file.
    """
    if source.head.startswith((b"PK\x03\x04", b"PAR1")):
        raise InputFileError(
            f"{source.name} is a workbook or a Parquet file; those are read from a file whose name ends in "
            ".xlsx or .parquet, not from a pipe"
        )
    head = Source(io.BytesIO(source.head), name=source.name)
    texts = (line.text.strip() for line in Lines(head, encoding=encoding, say=lambda _: None))
    first = list(islice((text for text in texts if text), _GUESS_LINES))
    if not first:
        return "txt"
    if any(is_object(text) for text in first):
        return "jsonl"
    names = [name.strip() for name in header_fields(first[0])]
    if text_column in names if text_column is not None else any(map(is_usual, names)):
        return "tsv" if find_delimiter(first[0]) == "\t" else "csv"
    return "txt"


def output_format(target: Path) -> Format:
    """The format that the name of the output asks for. Raises UsageError, MissingExtraError, OutputError.

    Everything that would make writing fail is found here, before hours of tagging.
    """
    found = _TO_SUFFIX.get(target.suffix.lower())
    if found is None:
        allowed = ", ".join(_TO_SUFFIX)
        raise UsageError(f"{target}: the name of the output must end in one of {allowed}")
    if found in _EXTRAS:
        require(_EXTRAS[found], "service")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise OutputError(f"{target}: there is no folder {target.parent}; make it first")
    return found


@contextmanager
def open_writer(target: Path | None, make_table: Callable[[], FlatTable], *, say: Say) -> Iterator[Writer]:
    """A writer to `target`, or to standard output as JSON lines for None.

    `make_table` gives the flat columns; JSON lines do without. The output appears when the block ends well.
    Raises OutputError.
    """
    if target is None:
        with standard_output() as stream:
            yield JsonlWriter(stream, say=say)
        return
    chosen = output_format(target)
    with replacing(target) as stream:
        if chosen == "jsonl":
            writer: Writer = JsonlWriter(stream, say=say)
        else:
            table = make_table()
            if table.renamed:
                say(_renaming(table.renamed))
            if chosen == "parquet":
                writer = ParquetWriter(stream, table)
            elif chosen == "xlsx":
                writer = SpreadsheetWriter(stream, table, say=say)
            else:
                writer = DelimitedWriter(stream, table, delimiter="\t" if chosen == "tsv" else ",")
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.discard()
            raise


def refuse_same_file(source: Path | None, target: Path | None) -> None:
    """Raises UsageError if the output is the input, by whatever name; None is standard input or output."""
    came = _regular(sys.__stdin__ if source is None else source)
    goes = _regular(sys.__stdout__ if target is None else target)
    if came is not None and goes is not None and os.path.samestat(came, goes):
        raise UsageError(f"{target or 'standard output'} is the input itself; give the output another name")


def _renaming(renamed: Mapping[str, str]) -> str:
    shown = [f"{name!r} as {kept!r}" for name, kept in list(renamed.items())[:_SHOWN_NAMES]]
    more = f" and {len(renamed) - _SHOWN_NAMES} more" if len(renamed) > _SHOWN_NAMES else ""
    return f"columns of the input that are called like ours are kept: {', '.join(shown)}{more}"


def _regular(file: Path | TextIO | None) -> os.stat_result | None:
    """What the system says of a regular file; None for anything else."""
    try:
        status = file.stat() if isinstance(file, Path) else os.fstat(file.fileno()) if file else None
    except (OSError, ValueError):
        return None
    return status if status is not None and stat.S_ISREG(status.st_mode) else None


def _by_suffix(path: Path | None) -> Format | None:
    if path is None:
        return None
    suffix = path.suffix.lower()
    if suffix == ".xls":
        raise InputFileError(f"{path}: the old form .xls is not read; save it as .xlsx or .csv")
    return _BY_SUFFIX.get(suffix)


def _open_table(
    path: Path | None, chosen: Literal["parquet", "xlsx"], reading: Reading, *, say: Say
) -> Reader:
    if path is None:
        raise UsageError(f"{chosen} is read from a file, not from standard input; give its path")
    if reading.encoding is not None:
        raise UsageError(f"--encoding is for text; {path} is {chosen}, which knows its own")
    if not path.exists():
        raise InputFileError(f"{path}: cannot be read (No such file or directory)")
    if chosen == "parquet":
        return ParquetReader(path, text_column=reading.text_column, say=say)
    return SpreadsheetReader(path, text_column=reading.text_column, say=say)


def _open_text(source: Source, chosen: TextFormat, reading: Reading, say: Say) -> Reader:
    encoding, text_column = reading.encoding, reading.text_column
    match chosen:
        case "jsonl":
            return JsonlReader(source, encoding=encoding, text_column=text_column, say=say)
        case "csv":
            return DelimitedReader(source, encoding=encoding, text_column=text_column, say=say)
        case "tsv":
            return DelimitedReader(
                source, delimiter="\t", encoding=encoding, text_column=text_column, say=say
            )
        case "txt":
            return PlainReader(source, encoding=encoding, text_column=text_column, say=say)
    assert_never(chosen)

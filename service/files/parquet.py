"""Parquet, in both directions, batch by batch (pyarrow, from the extra `service`).

The columns of a Parquet input keep their exact types in a Parquet output; times with nanoseconds are kept
to the microsecond.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Final, Literal, assert_never

from models.extras import require
from service.errors import InputFileError
from service.files.flat import FlatTable
from service.files.lines import without_surrogates
from service.files.rows import Column, Kind, Reader, Row, Say, TaggedRow, Writer
from service.files.text_column import choose_text_column, unique_names
from service.files.values import as_text, kind_of_json

BATCH_ROWS: Final = 1024
GROUP_ROWS: Final = 64 * 1024
GROUP_BYTES: Final = 64 * 1024 * 1024
"""A row group ends at whichever of the two comes first."""


class ParquetReader(Reader):
    """Rows of a Parquet file, one batch in memory at a time."""

    unit: ClassVar[Literal["line", "row"]] = "row"

    def __init__(self, path: Path, *, text_column: str | None = None, say: Say) -> None:
        self._path = path
        self._arrow = require("pyarrow", "service")
        parquet = require("pyarrow.parquet", "service")
        try:
            self._file = parquet.ParquetFile(path, pre_buffer=False)
        except (self._arrow.ArrowException, OSError) as error:
            raise InputFileError(f"{path}: cannot be read as Parquet ({_brief(error)})") from error
        schema = self._file.schema_arrow
        self._names = unique_names(schema.names)
        self._types = [self._readable(field) for field in schema.types]
        self._done = 0
        self.text_column = choose_text_column(self._names, text_column, source=str(path), say=say)

    def columns(self) -> tuple[Column, ...]:
        pairs = zip(self._names, self._types, strict=True)
        return tuple(Column(name, arrow=arrow) for name, arrow in pairs)

    def rows(self) -> Iterator[Row]:
        schema = self._arrow.schema(list(zip(self._names, self._types, strict=True)))
        try:
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS):
                named = self._arrow.Table.from_batches([batch]).rename_columns(self._names)
                for fields in named.cast(schema, safe=False).to_pylist():
                    self._done += 1
                    yield self._row(fields)
        except (self._arrow.ArrowException, OSError, ValueError) as error:
            raise InputFileError(
                f"{self._path}: reading stopped after row {self._done:,} ({_brief(error)})"
            ) from error

    def progress(self) -> tuple[int, int | None]:
        return self._done, self._file.metadata.num_rows

    def close(self) -> None:
        self._file.close()

    def _row(self, fields: dict[str, Any]) -> Row:
        text = fields[self.text_column]
        if isinstance(text, str):
            return Row(self._done, fields, text)
        said = f"the column {self.text_column!r} is {kind_of_json(text)}; a string is expected"
        return Row(self._done, fields, error=said)

    def _readable(self, arrow: Any) -> Any:
        """The type to read a column as: Python's times end at microseconds."""
        types = self._arrow.types
        if types.is_timestamp(arrow) and arrow.unit == "ns":
            return self._arrow.timestamp("us", arrow.tz)
        if types.is_duration(arrow) and arrow.unit == "ns":
            return self._arrow.duration("us")
        if types.is_time64(arrow) and arrow.unit == "ns":
            return self._arrow.time64("us")
        return arrow


class ParquetWriter(Writer):
    """Flat columns, compressed with zstd."""

    def __init__(self, stream: IO[bytes], table: FlatTable) -> None:
        self._table = table
        self._arrow = require("pyarrow", "service")
        parquet = require("pyarrow.parquet", "service")
        self._types = [self._type(column) for column in table.columns]
        self._schema = self._arrow.schema(
            [(column.name, arrow) for column, arrow in zip(table.columns, self._types, strict=True)]
        )
        self._file = parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._batches: list[Any] = []

    def write(self, rows: Sequence[TaggedRow]) -> None:
        values = zip(*(self._table.values(row) for row in rows), strict=True)
        arrays = [
            self._arrow.array([_fitting(value, column) for value in cells], type=arrow)
            for cells, column, arrow in zip(values, self._table.columns, self._types, strict=True)
        ]
        self._batches.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))
        size = sum(batch.nbytes for batch in self._batches)
        if sum(batch.num_rows for batch in self._batches) >= GROUP_ROWS or size >= GROUP_BYTES:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._file.close()

    def discard(self) -> None:
        self._batches = []
        # Else the writer would close itself later, into a stream that is no longer there.
        self._file.is_open = False

    def _flush(self) -> None:
        if self._batches:
            self._file.write_table(self._arrow.Table.from_batches(self._batches))
            self._batches = []

    def _type(self, column: Column) -> Any:
        return self._arrow_kind(column.kind) if column.arrow is None else column.arrow

    def _arrow_kind(self, kind: Kind) -> Any:
        match kind:
            case "text":
                return self._arrow.string()
            case "integer":
                return self._arrow.int64()
            case "number":
                return self._arrow.float64()
            case "boolean":
                return self._arrow.bool_()
            case "datetime":
                return self._arrow.timestamp("us")
        assert_never(kind)


def _fitting(value: Any, column: Column) -> Any:
    if column.arrow is None and column.kind == "text":
        return as_text(value)
    return without_surrogates(value) if isinstance(value, str) else value


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0]

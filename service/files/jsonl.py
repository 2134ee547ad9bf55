"""JSON lines: one object a line. What is not flat in the input stays as it is in a JSON output.

A row of the output is the row of the input and `tags`, the object that `Tags.to_dict` gives; a row that
could not be used has `error` instead. Where the input already has a field of one of these names, it is kept
as `input_tags` or `input_error`.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any, Final

from service.errors import InputFileError
from service.files.flat import free_name
from service.files.lines import Line, Lines
from service.files.rows import Column, Reader, Row, Say, TaggedRow, Writer
from service.files.source import Source
from service.files.text_column import choose_text_column
from service.files.values import as_json, common_kind, kind_of_json

SAMPLE_ROWS: Final = 100
"""Rows that are looked at for the names of the fields."""

RESERVED: Final = ("tags", "error")
MAX_DEPTH: Final = 200
"""How deep a row may be nested: what is read must also be written."""

_DEEP: Final = f"is nested deeper than {MAX_DEPTH} levels"
_INT64: Final = range(-(2**63), 2**63)


class JsonlReader(Reader):
    """Objects, one a line; blank lines are left out. Fields may differ from line to line."""

    def __init__(
        self, source: Source, *, encoding: str | None = None, text_column: str | None = None, say: Say
    ) -> None:
        self._source = source
        if source.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            raise InputFileError(
                f"{source.name} is one JSON array; one object a line is read; convert it: jq -c '.[]'"
            )
        self._lines = Lines(source, encoding=encoding, say=say)
        self._pending = iter(self._lines)
        self._sample = list(islice(self._pending, SAMPLE_ROWS))
        names = _names(self._sample)
        # Not one row to be read: each will be reported, under the plainest name.
        fallback = text_column or "text"
        self.text_column = (
            choose_text_column(names, text_column, source=source.name, say=say) if names else fallback
        )

    def columns(self) -> tuple[Column, ...]:
        kinds: dict[str, set[str]] = {self.text_column: {"text"}}
        order: dict[str, None] = {}
        for row in self.rows():
            for name, value in row.fields.items():
                order[name] = None
                if value is not None:
                    kinds.setdefault(name, set()).add(_kind(value))
        order[self.text_column] = None
        self._source.rewind()
        self._lines = Lines(self._source, encoding=self._lines.encoding, say=lambda _: None)
        self._pending = iter(self._lines)
        self._sample = []
        return tuple(Column(name, common_kind(kinds.get(name, set()))) for name in order)

    def rows(self) -> Iterator[Row]:
        sample, self._sample = self._sample, []
        for lines in (sample, self._pending):
            for line in lines:
                row = self._row(line)
                if row is not None:
                    yield row

    def progress(self) -> tuple[int, int | None]:
        return self._source.done, self._source.total

    def close(self) -> None:
        self._source.close()

    def _row(self, line: Line) -> Row | None:
        raw = line.text.strip("\r\n")
        if not raw.strip() and line.problem is None:
            return None
        fields = _object(raw)
        if isinstance(fields, str):
            return Row(line.number, {self.text_column: raw}, error=line.problem or fields)
        if line.problem is not None:
            return Row(line.number, fields, error=line.problem)
        if self.text_column not in fields:
            return Row(line.number, fields, error=f"the field {self.text_column!r} is missing")
        text = fields[self.text_column]
        if not isinstance(text, str):
            said = f"the field {self.text_column!r} is {kind_of_json(text)}; a string is expected"
            return Row(line.number, fields, error=said)
        return Row(line.number, fields, text)


class JsonlWriter(Writer):
    """One JSON object a line, UTF-8; each `write` reaches the stream as a whole."""

    def __init__(self, stream: IO[bytes], *, say: Say) -> None:
        self._stream = stream
        self._say = say
        self._said: set[str] = set()

    def write(self, rows: Sequence[TaggedRow]) -> None:
        block = memoryview("".join(self._line(row) for row in rows).encode())
        # An unbuffered stream, which leaves nothing behind when it fails, may take a part only.
        while block:
            block = block[self._stream.write(block) :]

    def finish(self) -> None:
        """A JSON line is complete in itself."""

    def discard(self) -> None:
        """Nothing is held."""

    def _line(self, tagged: TaggedRow) -> str:
        fields = tagged.row.fields
        for name in RESERVED:
            if name in fields:
                fields = self._moved(fields, name)
        if tagged.tags is None:
            return as_json({**fields, "error": tagged.row.error}) + "\n"
        return as_json({**fields, "tags": tagged.tags.to_dict()}) + "\n"

    def _moved(self, fields: dict[str, Any], name: str) -> dict[str, Any]:
        new = free_name(name, fields)
        if name not in self._said:
            self._said.add(name)
            self._say(f"the input has a field {name!r} of its own; it is kept as {new!r}")
        return {new if key == name else key: value for key, value in fields.items()}


def is_object(line: str) -> bool:
    """Whether a line holds a JSON object."""
    return isinstance(_object(line), dict)


def _object(line: str) -> dict[str, Any] | str:
    """The object of a line, or what is wrong with it."""
    try:
        value = json.loads(line)
    except RecursionError:
        return _DEEP
    except ValueError as error:
        return f"is not valid JSON ({error})"
    if line.count("[") + line.count("{") > MAX_DEPTH and _too_deep(value):
        return _DEEP
    return value if isinstance(value, dict) else f"is {kind_of_json(value)}; a JSON object is expected"


def _names(sample: list[Line]) -> list[str]:
    names: dict[str, None] = {}
    for line in sample:
        fields = _object(line.text)
        if isinstance(fields, dict):
            names.update(dict.fromkeys(fields))
    return list(names)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if value in _INT64 else "text"
    return "number" if isinstance(value, float) else "text"


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []

"""Plain text: one comment a line."""

from collections.abc import Iterator
from typing import Final

from service.errors import UsageError
from service.files.lines import Lines
from service.files.rows import Column, Reader, Row, Say
from service.files.source import Source

COLUMN: Final = "text"


class PlainReader(Reader):
    """Each line that is not blank is a comment, in the column `text`."""

    text_column = COLUMN

    def __init__(
        self, source: Source, *, encoding: str | None = None, text_column: str | None = None, say: Say
    ) -> None:
        if text_column not in {None, COLUMN}:
            raise UsageError(
                f"{source.name} is read as one comment a line, which has no column {text_column!r}; "
                "leave --text-column out, or say what it is: --format csv"
            )
        self._source = source
        self._lines = Lines(source, encoding=encoding, say=say)

    def columns(self) -> tuple[Column, ...]:
        return (Column(COLUMN),)

    def rows(self) -> Iterator[Row]:
        for number, line, problem in self._lines:
            text = line.removesuffix("\n").removesuffix("\r")
            if problem is not None:
                yield Row(number, {COLUMN: text}, error=problem)
            elif text.strip():
                yield Row(number, {COLUMN: text}, text)

    def progress(self) -> tuple[int, int | None]:
        return self._source.done, self._source.total

    def close(self) -> None:
        self._source.close()

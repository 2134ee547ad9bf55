"""The common form of a file of comments: columns, rows, and what reads and writes them.

A row that cannot be used (broken JSON, text missing, wrong number of fields, undecodable bytes) is still a
row: it has an `error` and no `text`. Where it could not even be taken apart, its line stands as it came in
the text column, so nothing of the input is lost.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from models.tags import Tags

Kind = Literal["text", "integer", "number", "boolean", "datetime"]
Say = Callable[[str], None]
"""Takes one sentence about what was found or chosen; the command line shows it on standard error."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a flat file; `arrow` is its exact type where the input was Parquet."""

    name: str
    kind: Kind = "text"
    arrow: Any = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the input.

    `number` is the line of a text file (where the row begins) or the row of a table, from 1, as an editor
    or Excel counts them. `text` is the comment; it is empty where `error` says why there is none.
    """

    number: int
    fields: dict[str, Any]
    text: str = ""
    error: str | None = None


class TaggedRow(NamedTuple):
    """A row with its tags; None for a row with an error."""

    row: Row
    tags: Tags | None


class Reader(ABC):
    """Reads one input once, in order. `text_column` is the column of the comments."""

    unit: ClassVar[Literal["line", "row"]] = "line"
    text_column: str

    @abstractmethod
    def columns(self) -> tuple[Column, ...]:
        """The columns that a flat output needs, in order.

        Reads the whole input where it has no header (opened with `twice`); to be called before `rows`.
        """

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """The rows, in order, read as they are asked for. Raises InputFileError where reading must end."""

    @abstractmethod
    def progress(self) -> tuple[int, int | None]:
        """How much was read, and of how much: bytes of a text file, rows of a table; None if unknown."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the file."""


class Writer(ABC):
    """Writes tagged rows to a stream that someone else opens, checks and renames."""

    @abstractmethod
    def write(self, rows: Sequence[TaggedRow]) -> None:
        """Writes the next rows. Raises OSError."""

    @abstractmethod
    def finish(self) -> None:
        """Writes what the format needs at its end. Raises OSError."""

    @abstractmethod
    def discard(self) -> None:
        """Lets go of everything when the output will not appear. Never raises."""

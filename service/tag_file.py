"""Tags a file of comments: reads rows, tags them in batches, writes them in the same order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from models.tags import Tags, TagsComments
from models.taxonomy import Taxonomy
from service.files.rows import Reader, Row, TaggedRow, Writer

BATCH_ROWS: Final = 1024
BATCH_CHARS: Final = 256 * 1024
"""A batch ends at whichever of the two comes first, so memory is bounded whatever the comments are."""


class FileTagger(TagsComments, Protocol):
    """A model that knows its taxonomy, which names the flat columns."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that the model can give."""
        ...


@dataclass(slots=True)
class Summary:
    """How many rows were read, how many of them have an error, how many tags are uncertain."""

    rows: int = 0
    failed: int = 0
    uncertain: int = 0

    @property
    def all_failed(self) -> bool:
        """Whether there were rows and not one of them could be tagged."""
        return self.rows > 0 and self.failed == self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`mask` replaces private data in the comments before they are read; the output shows the masked text.

    It works on the comment, and on the line of a row that could not be taken apart; other columns stay.
    """

    mask: Callable[[str], str] | None = None
    batch_rows: int = BATCH_ROWS
    batch_chars: int = BATCH_CHARS


def tag_file(
    reader: Reader,
    writer: Writer,
    tagger: TagsComments,
    *,
    options: Options,
    on_error: Callable[[Row], None],
    on_batch: Callable[[Summary], None],
) -> Summary:
    """Tags every row of `reader` into `writer`; `on_error` gets each row with an error, in order.

    One batch is in memory at a time. Raises InputFileError where reading must end, OSError where writing
    fails, and whatever `tagger` raises.
    """
    summary = Summary()
    for batch in _batches(reader, options):
        usable = [row.text for row in batch if row.error is None]
        tags = iter(tagger.tag(usable) if usable else [])
        tagged = []
        for row in batch:
            found = next(tags) if row.error is None else None
            tagged.append(TaggedRow(row, found))
            _count(summary, found)
            if found is None:
                on_error(row)
        writer.write(tagged)
        on_batch(summary)
    return summary


def _batches(reader: Reader, options: Options) -> Iterator[list[Row]]:
    batch: list[Row] = []
    chars = 0
    for row in reader.rows():
        batch.append(_masked(row, reader.text_column, options.mask) if options.mask else row)
        chars += _size(row)
        if len(batch) == options.batch_rows or chars >= options.batch_chars:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _masked(row: Row, column: str, mask: Callable[[str], str]) -> Row:
    fields = row.fields
    shown: Any = fields.get(column)
    if isinstance(shown, str):
        fields = {**fields, column: mask(shown)}
    return Row(row.number, fields, mask(row.text), row.error)


def _size(row: Row) -> int:
    return len(row.text) + sum(len(value) for value in row.fields.values() if isinstance(value, str))


def _count(summary: Summary, tags: Tags | None) -> None:
    summary.rows += 1
    if tags is None:
        summary.failed += 1
    elif tags.uncertain:
        summary.uncertain += 1
